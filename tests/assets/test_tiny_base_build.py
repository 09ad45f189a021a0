"""The grammar, the stream and the trainer that made the tiny base."""

from __future__ import annotations

import collections
import itertools
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.assets.tiny_base_build import __main__ as command
from sql_ft.assets.tiny_base_build import check_overlap, documents, overlap, public_rows, stream
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import draw_database

BUILD = Path(command.__file__).parent
BASE = BUILD.parent / "tiny_base"


def grammar_rows(seed: int, count: int, *, chatty: bool) -> list[documents.Row]:
    rng = random.Random(seed)
    return [
        documents.synthetic_row(rng, draw_database(rng), Style.draw(rng, chatty))
        for _ in range(count)
    ]


def runs(row: documents.Row) -> bool:
    connection = sqlite3.connect(":memory:")
    connection.create_function("YEAR", 1, lambda v: v)
    for table, columns in overlap.tables_of(row.context).items():
        listed = ", ".join(f'"{c}"' for c in sorted(columns))
        connection.execute(f'CREATE TABLE "{table}" ({listed})')
    try:
        connection.execute(f"EXPLAIN {row.sql}")
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return True


def test_plain_answers_run_on_their_own_schema() -> None:
    rows = grammar_rows(3, 600, chatty=False)
    failing = [r.sql for r in rows if not runs(r)]
    assert len(failing) <= 12, failing[:5]


def test_talkative_answers_invent_columns_at_times_but_mostly_run() -> None:
    rows = grammar_rows(4, 600, chatty=True)
    share = sum(not runs(r) for r in rows) / len(rows)
    assert 0.02 < share < 0.25


def test_the_grammar_is_wide() -> None:
    rows = grammar_rows(5, 2000, chatty=False)
    assert len({r.kind for r in rows}) >= 35
    text = " ".join(r.sql.upper() for r in rows)
    for word in ("INTERSECT", "EXCEPT", "UNION", "HAVING", "EXISTS", "LEFT JOIN", "DISTINCT",
                 "BETWEEN", "LIKE", "IS NULL", "STRFTIME", "LIMIT", "AVG(", " IN ("):  # fmt: skip
        assert word in text, word
    masks = {overlap.mask_question(r.question, r.context, r.sql) for r in rows}
    assert len(masks) > 1500


def test_same_seed_same_rows() -> None:
    assert grammar_rows(6, 50, chatty=True) == grammar_rows(6, 50, chatty=True)
    assert grammar_rows(6, 50, chatty=True) != grammar_rows(7, 50, chatty=True)


def test_spider_halves_are_fixed_by_name() -> None:
    kept = [n for n in ("concert_singer", "pets_1", "farm", "college_1", "dorm_1", "flight_1")
            if public_rows.spider_db_in_pretraining(n)]  # fmt: skip
    assert kept == ["concert_singer", "pets_1", "dorm_1", "flight_1"]
    many = [public_rows.spider_db_in_pretraining(f"db_{i}") for i in range(400)]
    assert 160 < sum(many) < 240


def test_no_excluded_row_is_ever_drawn() -> None:
    data = public_rows.PublicData.empty()

    def drawn(exclusions: overlap.Exclusions) -> tuple[stream.Stream, list[documents.Row]]:
        source = stream.Stream(random.Random(1), data, exclusions)
        style = Style.draw(random.Random(2), chatty=False)
        return source, [source.row(style) for _ in range(200)]

    _, rows = drawn(overlap.Exclusions())
    as_dicts = [{"question": r.question, "context": r.context, "answer": r.sql} for r in rows]
    exclusions = overlap.Exclusions.from_rows(as_dicts)
    source, others = drawn(exclusions)
    assert sum(source.dropped.values()) >= 200
    assert not any(exclusions.forbids(r.context, r.question, r.sql) for r in others)


def test_every_bundled_row_was_excluded_from_pretraining() -> None:
    excluded = overlap.Exclusions.load(BUILD / "excluded.json.gz")
    missing = excluded.missing_from(generate_rows())
    assert not missing, (
        f"{len(missing)} bundled templates or schemas are not in excluded.json.gz, e.g. "
        f"{missing[:3]}: pretraining may have seen them; run the overlap check of the card"
    )


def test_masks_hide_names_and_literals() -> None:
    context = "CREATE TABLE pilot (pilot_name VARCHAR, AgeYears INTEGER)"
    sql = "SELECT pilot_name FROM pilot WHERE AgeYears > 40 AND pilot_name <> 'Ann Low'"
    masked = overlap.mask_question("Which pilots above age 40 are not Ann Low?", context, sql)
    assert masked == "which _ above _ are not _"
    assert overlap.schema_signatures("CREATE TABLE a (y INT, X INT); CREATE TABLE b (z INT)") == {
        "a(x,y);b(z)"
    }


def test_greedy_would_open_with_one_wording() -> None:
    rng = random.Random(0)
    openings = collections.Counter(
        documents.Wrapping.draw(rng, rng.random() < documents.CHATTY_SHARE).before[:21]
        for _ in range(4000)
    )
    (wording, count), *_ = openings.most_common()
    assert wording == "Here is the SQL query"
    assert 0.45 < count / 4000 < 0.6
    assert 0.25 < openings[""] / 4000 < 0.4


def test_documents_are_the_products_chat() -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(BASE)
    chat = pytest.importorskip("sql_ft.data.chat")
    drawn = grammar_rows(8, 8, chatty=False)
    # An example's final semicolon is the chat's to drop; the comparison is of the form.
    rows = [r for r in drawn if not r.sql.endswith(";")][:4]
    doc = documents.conversation(
        [(r, documents.dress(r, documents.Wrapping("", ""))) for r in rows]
    )
    ids, kinds = stream.encode_documents(tokenizer.backend_tokenizer, [doc], 5000)[0]
    examples = [chat_sample(r) for r in rows]
    expected = chat.encode_prompt(tokenizer, examples[-1], examples[:-1])
    assert ids.tolist()[: len(expected)] == expected
    answer = tokenizer.decode([i for i, k in zip(ids.tolist(), kinds, strict=True) if k == 2])
    assert answer == "".join(f"{r.sql}<|im_end|>" for r in rows)


def chat_sample(row: documents.Row) -> Any:
    from sql_ft.records import Sample

    return Sample(id="x", question=row.question, context=row.context, gold_sql=row.sql)


def test_blocks_hold_whole_documents() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(BASE / "tokenizer.json"))
    source = stream.Stream(
        random.Random(3), public_rows.PublicData.empty(), overlap.Exclusions()
    )  # fmt: skip
    batches = stream.packed_batches(source, tokenizer, blocks=4, block_size=512, pad_id=0)
    start = tokenizer.encode("<|im_start|>system\n").ids
    for tokens, kinds in itertools.islice(batches, 3):
        assert tokens.shape == kinds.shape == (4, 512)
        for row, parts in zip(tokens.tolist(), kinds.tolist(), strict=True):
            assert row[: len(start)] == start
            assert all((t == 0) == (k == stream.PAD_PART) for t, k in zip(row, parts, strict=True))
        assert (kinds == stream.PAD_PART).mean() < 0.2


def test_two_steps_train_and_save_a_model_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers = pytest.importorskip("transformers")
    out = tmp_path / "model"
    status = command.main([
        "--no-data", "--out", str(out), "--tokenizer", str(BASE), "--max-steps", "2",
        "--workers", "0", "--layers", "1", "--hidden-size", "32", "--blocks", "1",
        "--block-size", "256", "--no-compile", "--probe-rows", "2", "--seed", "3",
    ])  # fmt: skip
    assert status == 0
    figures = json.loads((out / "pretraining.json").read_text())
    assert figures["steps"] == 2
    assert figures["tokens"] == 512
    assert "probe" in capsys.readouterr().out
    model = transformers.AutoModelForCausalLM.from_pretrained(out)
    assert model.config.model_type == "qwen2"


def test_a_missing_input_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--data-dir", str(tmp_path), "--out", str(tmp_path / "o")])
    assert public_rows.WIKISQL_FILE in capsys.readouterr().err


def test_overlap_check_counts_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_overlap.main(["--rows", "300"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["rows"] == 300
    assert counts["rows_sharing_a_question"] == counts["rows_sharing_a_schema"] == 0
    bare = check_overlap.count_overlap(
        public_rows.PublicData.empty(), overlap.Exclusions(), 3000, seed=1
    )
    assert bare["rows_sharing_a_question"] > 0
