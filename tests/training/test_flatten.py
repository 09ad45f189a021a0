"""The layout of a step: rows end to end, cut to fit."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sql_ft.training.dataset import IGNORED
from sql_ft.training.flatten import FlattenCollator, round_up, rounding, split_rows

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


@given(LENGTHS, st.integers(50, 4000))
def test_rows_are_split_in_order_within_the_budget(lengths: list[int], budget: int) -> None:
    runs = split_rows(lengths, budget)
    assert [index for run in runs for index in run] == list(range(len(lengths)))
    for run in runs:
        assert run
        assert sum(lengths[i] for i in run) <= budget or len(run) == 1


def test_splits_are_even() -> None:
    assert split_rows([100] * 9, 800) == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]
    assert split_rows([100] * 8, 800) == [list(range(8))]
    assert split_rows([900, 100], 800) == [[0], [1]]


def test_a_step_is_divided_among_the_cores() -> None:
    assert split_rows([100] * 8, 8000, at_least=2) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert split_rows([100], 8000, at_least=2) == [[0]]
    assert split_rows([100] * 9, 400, at_least=2) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def _row(start: int, length: int, answer: int) -> dict[str, list[int]]:
    ids = list(range(start, start + length))
    return {"input_ids": ids, "labels": [IGNORED] * (length - answer) + ids[length - answer :]}


ROWS = [_row(100, 6, 2), _row(200, 4, 1), _row(300, 9, 3)]


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("budget", [8, 13, 100])
def test_every_label_is_predicted_from_the_token_before_it(rounded: bool, budget: int) -> None:
    collate = FlattenCollator(token_budget=budget, longest=9, pad_id=7, rounded=rounded)
    batch = collate(ROWS)
    assert batch["tokens"] == 19
    assert batch["supervised"] == 6
    found = []
    for micro in batch["micro_batches"]:
        ids, places = micro["input_ids"][0], micro["position_ids"][0]
        ends = micro["boundaries"].tolist()
        assert len(ids) == len(places) == len(micro["slots"]) == ends[-1] == sum(micro["lengths"])
        if rounded:
            assert len(ids) % rounding(len(ids)) == 0
        for start, end in itertools.pairwise(ends):
            assert places[start:end].tolist() == list(range(end - start))
            assert end - start <= 9
        kept = micro["targets"] != IGNORED
        for place, target in zip(micro["predicting"][kept], micro["targets"][kept], strict=True):
            assert ids[place + 1] == target
            found.append(int(target))
        # The way back: exactly the supervised positions have a slot, each its own.
        slots = micro["slots"]
        inside = slots < len(micro["predicting"])
        assert torch.equal(torch.nonzero(inside)[:, 0], micro["predicting"][kept].sort().values)
        assert torch.equal(micro["predicting"][slots[inside]], torch.nonzero(inside)[:, 0])
    assert sorted(found) == [104, 105, 203, 306, 307, 308]


def test_shapes_repeat() -> None:
    collate = FlattenCollator(token_budget=8192, longest=60, pad_id=0, rounded=True)
    shapes = set()
    for number in range(40):
        batch = collate([_row(1, 20 + (number * k) % 41, 8) for k in range(1, 9)])
        micro = batch["micro_batches"][0]
        shapes.add(tuple(micro[n].shape[-1] for n in ("input_ids", "predicting", "boundaries")))
    assert len(shapes) <= 2


def test_round_up() -> None:
    assert [round_up(n, 4) for n in (0, 1, 4, 5)] == [0, 4, 4, 8]
