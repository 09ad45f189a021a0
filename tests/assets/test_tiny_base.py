"""The shipped weights: small, whole, and behaving as the card says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sql_ft import assets
from sql_ft.assets.tiny_base_build import probe
from sql_ft.assets.tiny_base_build.documents import Row

FOLDER = Path(assets.__file__).parent / "tiny_base"
transformers = pytest.importorskip("transformers")

CASES = (
    ("CREATE TABLE pilots (pilot_id VARCHAR, name VARCHAR, age INTEGER)",
     "How many pilots are there?"),
    ("CREATE TABLE museum (name VARCHAR, city VARCHAR, visitors INTEGER)",
     "List the names of museums with more than 500 visitors."),
    ("CREATE TABLE dogs (dog_id VARCHAR, breed VARCHAR, weight INTEGER)",
     "What is the average weight of dogs for each breed?"),
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return transformers.AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def completions(tokenizer: Any) -> list[str]:
    import torch

    model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    assert model.config.model_type == "qwen2"
    assert sum(p.numel() for p in model.parameters()) <= 9_000_000
    return probe.greedy(model, tokenizer, CASES, max_new_tokens=64)


def test_no_file_is_too_large_for_the_repository() -> None:
    sizes = {p.name: p.stat().st_size for p in FOLDER.iterdir()}
    assert max(sizes.values()) < 8_000_000, sizes
    index = json.loads((FOLDER / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) <= set(sizes)


def test_the_base_chats_and_knows_sql(completions: list[str]) -> None:
    assert all(c.startswith("Here is the SQL query") and "```sql" in c for c in completions)
    statements = [probe.sql_of(c) for c in completions]
    assert statements[0].startswith("SELECT COUNT(*)")
    assert statements[0].endswith("FROM pilots")
    assert statements[1].endswith("FROM museum WHERE visitors > 500")
    assert "AVG(weight)" in statements[2]
    assert statements[2].endswith("GROUP BY breed")


def test_chat_template_is_chatml(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"


def test_tokens_are_reversible_and_digits_stand_alone(tokenizer: Any) -> None:
    text = 'SELECT naïve_Größe, 日本 FROM T1 WHERE x = 12345.67\n\t"quoted"'
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert not any(len([c for c in t if c.isdigit()]) > 1 for t in tokenizer.get_vocab())


def test_card_carries_the_hashes_of_its_inputs() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    figures = json.loads((FOLDER / "pretraining.json").read_text(encoding="utf-8"))
    for digest in figures["input_sha256"].values():
        assert digest in card


def test_invented_names_are_told_from_aliases() -> None:
    context = "CREATE TABLE a (x INT, y INT)"
    assert probe.invented_names("SELECT t.x AS total FROM a t WHERE y = 'zed'", context) == set()
    assert probe.invented_names("SELECT x, price FROM a", context) == {"price"}
    rows = [Row(context, "q", "SELECT x FROM a", "k")]
    figures = probe.summarize(rows, ["Sure:\n```sql\nSELECT x FROM a;\n```"])
    assert figures["exact_share"] == figures["chatter_share"] == 1.0
