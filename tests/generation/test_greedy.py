"""Own loop against `transformers.generate`, batched against one by one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import make_samples, small_config
from stock_generate import generate_stock

from sql_ft.base_model import load_base, load_tokenizer, stop_ids
from sql_ft.data.chat import encode_prompt
from sql_ft.generation import greedy, side_by_side
from sql_ft.generation.greedy import Decoded, decode_all, decode_batch

Loaded = tuple[Any, list[list[int]], list[int]]


@pytest.fixture(scope="module")
def loaded(base: Path) -> Loaded:
    config = small_config(base)
    tokenizer = load_tokenizer(config.model)
    model = load_base(config.model, purpose="generate")
    prompts = [encode_prompt(tokenizer, sample) for sample in make_samples(11)]
    assert len({len(p) for p in prompts}) > 2
    # A random model seldom says "end of turn": common tokens stop it at different steps.
    stops = [*stop_ids(tokenizer), *_frequent(model, prompts)]
    return model, prompts, stops


def _frequent(model: Any, prompts: list[list[int]]) -> list[int]:
    rows = decode_batch(model, prompts, max_new_tokens=20, stop_ids=[], pad_id=0)
    counts = torch.bincount(torch.tensor([t for row in rows for t in row.token_ids[3:]]))
    return counts.argsort(descending=True)[:3].tolist()


def _decode(loaded: Loaded, batch_size: int, **changes: Any) -> list[Decoded]:
    model, prompts, stops = loaded
    settings = {"max_new_tokens": 20, "stop_ids": stops, "pad_id": 0, **changes}
    return decode_all(model, prompts, batch_size=batch_size, **settings)


def test_equals_stock_generate(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    rows = _decode(loaded, batch_size=4)
    assert [r.token_ids for r in rows] == [generate_stock(model, p, stops, 20) for p in prompts]
    reasons = {r.finish_reason for r in rows}
    assert reasons == {"stop", "length"}, "the case should show both ends"
    for row in rows:
        assert (row.token_ids[-1] in stops) == (row.finish_reason == "stop")
        assert not set(row.token_ids[:-1]) & set(stops)


@pytest.mark.parametrize("cores", [2, 3])
def test_parts_of_a_batch_side_by_side_are_stock_generate(loaded: Loaded, cores: int) -> None:
    """Two parts of four rows each, then a batch too small for two."""
    model, prompts, stops = loaded
    expected = [generate_stock(model, p, stops, 20) for p in prompts]
    counted: list[int] = []
    torch.set_num_threads(cores)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(side_by_side, "_MIN_ROWS", 4)
            rows = _decode(loaded, 8, on_batch=counted.append)
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(1)
    assert [r.token_ids for r in rows] == expected
    assert sorted(counted) == [3, 4, 4]


def test_calls_at_once_answer_as_one_after_another(loaded: Loaded) -> None:
    """Eight clients of one server: attention and threads are switched for one call at a time."""
    model, prompts, stops = loaded
    expected = [r.token_ids for r in _decode(loaded, 1)]

    def ask(index: int) -> list[int]:
        place = index % len(prompts)
        (row,) = _decode((model, [prompts[place]], stops), 1)
        return row.token_ids

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(5 * len(prompts))))
    assert answers == expected * 5


def test_the_cache_of_transformers_gives_the_same(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What architectures with windows and GPUs use."""
    assert greedy.takes_grouped_rows(loaded[0])
    expected = _decode(loaded, 4)
    monkeypatch.setattr(greedy, "takes_grouped_rows", lambda model: False)
    for shared in (1, 10_000):
        monkeypatch.setattr(greedy, "_MIN_SHARED", shared)
        assert _decode(loaded, 4) == _decode(loaded, 11) == expected


@pytest.mark.parametrize("batch_size", [1, 2, 3, 11, 100])
def test_batch_size_changes_nothing(loaded: Loaded, batch_size: int) -> None:
    assert _decode(loaded, batch_size) == _decode(loaded, 4)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_when_rows_leave_changes_nothing(
    loaded: Loaded, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _decode(loaded, 4)
    monkeypatch.setattr(greedy, "_SHRINK_SHARE", share)
    assert _decode(loaded, 11) == expected


def test_sharing_the_beginning_changes_nothing(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, prompts, stops = loaded
    monkeypatch.setattr(greedy, "_MIN_SHARED", 10_000)
    expected = _decode(loaded, 4)
    assert [r.token_ids for r in expected] == [generate_stock(model, p, stops, 20) for p in prompts]
    monkeypatch.setattr(greedy, "_MIN_SHARED", 1)
    assert greedy._shared_prefix(prompts) > 5
    assert _decode(loaded, 4) == _decode(loaded, 11) == expected


def test_shared_beginning() -> None:
    long = list(range(50))
    assert greedy._shared_prefix([[*long, 1], [*long, 2, 3], [*long, 2]]) == 50
    assert greedy._shared_prefix([long, [*long, 5]]) == 49
    assert greedy._shared_prefix([long, long]) == 49
    assert greedy._shared_prefix([long]) == 0
    assert greedy._shared_prefix([[*long[:31], 7], [*long[:31], 8]]) == 0


def test_order_is_the_prompts(loaded: Loaded) -> None:
    model, prompts, stops = loaded
    turned = (model, prompts[::-1], stops)
    assert _decode(turned, 4) == _decode(loaded, 4)[::-1]


def test_padding_token_does_not_matter(loaded: Loaded) -> None:
    assert _decode(loaded, 11, pad_id=77) == _decode(loaded, 11)


def test_stop_on_the_last_allowed_token_is_a_stop(loaded: Loaded) -> None:
    row = next(r for r in _decode(loaded, 4) if r.finish_reason == "stop")
    index = _decode(loaded, 4).index(row)
    model, prompts, stops = loaded
    one = (model, [prompts[index]], stops)
    exact = _decode(one, 1, max_new_tokens=len(row.token_ids))[0]
    assert exact == row
    if len(row.token_ids) > 1:
        cut = _decode(one, 1, max_new_tokens=len(row.token_ids) - 1)[0]
        assert cut.finish_reason == "length"


def test_progress_counts_rows(loaded: Loaded) -> None:
    counted: list[int] = []
    _decode(loaded, 4, on_batch=counted.append)
    assert counted == [4, 4, 3]


def test_the_model_is_as_before(loaded: Loaded) -> None:
    before = loaded[0].config._attn_implementation
    _decode(loaded, 4)
    assert loaded[0].config._attn_implementation == before == "sdpa"


def test_nothing_to_do(loaded: Loaded) -> None:
    assert decode_all(loaded[0], [], max_new_tokens=4, batch_size=4, stop_ids=[1], pad_id=0) == []
