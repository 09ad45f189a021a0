"""Decoding over fixed slots against `transformers.generate`, on the CPU without graphs."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import make_samples, small_config
from stock_generate import generate_stock

from sql_ft.adapter_files import read_adapter_config
from sql_ft.base_model import load_base, load_tokenizer, resolve_model, stop_ids
from sql_ft.data.chat import encode_prompt
from sql_ft.fused_layers import fuse_lora_layers, fuse_query_key_value
from sql_ft.generation import packed_decode
from sql_ft.generation.apply_adapter import ADAPTER_NAME, adapter_applied
from sql_ft.generation.greedy import Decoded, decode_all
from sql_ft.generation.packed_decode import decode_all_packed, make_decoder
from sql_ft.packed_attention import packed_attention_used
from sql_ft.residual_stream import fuse_residual_sums

Loaded = tuple[Any, list[list[int]], list[int]]


@pytest.fixture(scope="module")
def loaded(base: Path) -> Loaded:
    config = small_config(base)
    tokenizer = load_tokenizer(config.model)
    model = load_base(config.model, purpose="generate")
    prompts = [encode_prompt(tokenizer, sample) for sample in make_samples(13)]
    rows = decode_all(model, prompts, max_new_tokens=20, batch_size=13, stop_ids=[], pad_id=0)
    counts = torch.bincount(torch.tensor([t for row in rows for t in row.token_ids[3:]]))
    # Common tokens stop the rows of a random model at different steps.
    return model, prompts, [*stop_ids(tokenizer), *counts.argsort(descending=True)[:3].tolist()]


def _packed(loaded: Loaded, batch_size: int, **changes: Any) -> list[Decoded]:
    model, prompts, stops = loaded
    settings = {"max_new_tokens": 30, "stop_ids": stops, **changes}
    on_batch = settings.pop("on_batch", None)
    decoder = make_decoder(model, prompts, batch_size=batch_size, **settings)
    return decode_all_packed(decoder, prompts, on_batch)


@pytest.mark.parametrize("batch_size", [1, 5, 13])
def test_equals_stock_generate(loaded: Loaded, batch_size: int) -> None:
    model, prompts, stops = loaded
    rows = _packed(loaded, batch_size)
    assert [r.token_ids for r in rows] == [generate_stock(model, p, stops, 30) for p in prompts]
    assert {r.finish_reason for r in rows} == {"stop", "length"}


@pytest.mark.parametrize("every", [1, 3, 100])
def test_when_the_host_looks_changes_nothing(
    loaded: Loaded, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _packed(loaded, 13)
    monkeypatch.setattr(packed_decode, "_LOOK_EVERY", every)
    assert _packed(loaded, 13) == expected


def test_prompts_read_in_several_passes(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _packed(loaded, 13)
    monkeypatch.setattr(packed_decode, "_PROMPT_TOKENS", 100)
    assert _packed(loaded, 13) == expected


def test_limits(loaded: Loaded) -> None:
    for limit in (1, 2, 9):
        rows = _packed(loaded, 13, max_new_tokens=limit)
        assert max(len(row.token_ids) for row in rows) == limit


def test_progress_and_order(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    counted: list[int] = []
    rows = _packed(loaded, 5, on_batch=counted.append)
    assert counted == [5, 5, 3]
    assert _packed((model, prompts[::-1], stops), 5) == rows[::-1]


def test_the_model_is_as_before(loaded: Loaded) -> None:
    _packed(loaded, 5)
    assert loaded[0].config._attn_implementation == "sdpa"


def test_one_product_for_query_key_and_value(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    fused = copy.deepcopy(model)
    assert fuse_query_key_value(fused) == 2
    assert _packed((fused, prompts, stops), 13) == _packed(loaded, 13)
    # Called alone, each projection still computes its own.
    x = torch.randn(3, 64)
    for name in ("v_proj", "q_proj", "k_proj"):
        mine, theirs = (getattr(m.model.layers[0].self_attn, name) for m in (fused, model))
        torch.testing.assert_close(mine(x), theirs(x))


def test_sums_fused_with_norms(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    fused = copy.deepcopy(model)
    assert fuse_residual_sums(fused) == 2
    assert _packed((fused, prompts, stops), 13) == _packed(loaded, 13)
    ids = torch.tensor([prompts[0]])
    with torch.no_grad():
        assert torch.equal(fused(ids).logits, model(ids).logits)
        # A pass that broke off in the middle leaves nothing for the next.
        x = torch.randn(1, 3, 64)
        angles = model.model.rotary_emb(x, torch.arange(3)[None])
        fused.model.layers[0](x, attention_mask=None, position_embeddings=angles)
        assert torch.equal(fused(ids).logits, model(ids).logits)


def test_other_architectures_keep_their_sums(loaded: Loaded) -> None:
    other = copy.deepcopy(loaded[0])
    other.config.model_type = "gemma2"
    assert fuse_residual_sums(other) == 0


def test_a_kept_decoder_answers_as_a_fresh_one(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    kept = make_decoder(model, prompts, max_new_tokens=30, batch_size=5, stop_ids=stops)
    fresh = [_packed((model, [prompt], stops), 1)[0] for prompt in prompts]
    for _ in range(2):
        assert [decode_all_packed(kept, [prompt])[0] for prompt in prompts] == fresh
        assert decode_all_packed(kept, prompts) == _packed(loaded, 5)
    longest = max(map(len, prompts))
    room = kept.cache.slot_tokens - 30
    assert kept.takes([[1] * room])
    assert not kept.takes([[1] * (room + 1)])
    assert room >= longest


def test_a_filled_up_prompt_is_read_as_it_is(loaded: Loaded) -> None:
    """What a single row's captured pass computes: filling behind it, in the answer's places."""
    model, prompts, stops = loaded
    decoder = make_decoder(model, prompts, max_new_tokens=30, batch_size=1, stop_ids=stops)
    plain = decoder.decode([prompts[0]])
    length = len(prompts[0])
    with torch.inference_mode(), packed_attention_used(model):
        expected = decoder._pass_over(decoder._lay_out([prompts[0]], 0), length, (length,))
        keys = [layer.clone() for layer in decoder.cache.keys]
        for width in (length, length + 7):
            inputs = decoder._lay_out([prompts[0]], 0, fill_to=width)
            assert len(inputs.ids) == width
            got = decoder._pass_over(inputs, width, (length, width - length))
            torch.testing.assert_close(got, expected)
            for before, after in zip(keys, decoder.cache.keys, strict=True):
                torch.testing.assert_close(after[:length], before[:length])
    # The filling's keys lie where the answer goes; none is read.
    assert decoder.decode([prompts[0]]) == plain


def test_an_adapter_beside_the_base(loaded: Loaded, base: Path, adapter: Path) -> None:
    model, prompts, stops = loaded
    fused = copy.deepcopy(model)
    fuse_query_key_value(fused)
    resolved = resolve_model(small_config(base).model)
    assert read_adapter_config(adapter)["r"] == 4
    with adapter_applied(model, adapter, base=resolved, merge=False) as armed:
        expected = decode_all(
            armed, prompts, max_new_tokens=30, batch_size=13, stop_ids=stops, pad_id=0
        )
    with adapter_applied(fused, adapter, base=resolved, merge=False) as armed:
        assert fuse_lora_layers(armed, ADAPTER_NAME) == 8
        got = _packed((armed, prompts, stops), 13)
    assert got == expected != _packed(loaded, 13)
    # Taken off again, the base answers.
    assert _packed((fused, prompts, stops), 13) == _packed(loaded, 13)
