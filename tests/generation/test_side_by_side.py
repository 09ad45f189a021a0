"""How batches are cut among cores, and what happens when a part fails."""

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sql_ft.generation.side_by_side import Part, cut_batch, run_side_by_side


@given(st.integers(1, 200), st.integers(1, 16))
def test_every_row_is_in_one_part(rows: int, cores: int) -> None:
    parts = cut_batch(range(rows), cores)
    assert sorted(i for part in parts for i in part.indices) == list(range(rows))
    assert len(parts) * parts[0].threads <= cores
    assert len({part.threads for part in parts}) == 1
    sizes = [len(part.indices) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == 1 or min(sizes) >= 8


def test_a_small_batch_has_all_cores() -> None:
    assert cut_batch([5], 4) == [Part([5], 4)]
    assert [part.threads for part in cut_batch(range(16), 4)] == [2, 2]


def test_operations_are_divided_as_the_parts_say() -> None:
    seen: list[tuple[int, int]] = []

    def work(part: Part) -> Part:
        seen.append((part.threads, torch.get_num_threads()))
        return part

    parts = [Part([0], 2), Part([1], 1), Part([2], 1)]
    before = torch.get_num_threads()
    done = [part.indices[0] for part in run_side_by_side(work, parts, 2)]
    assert sorted(done) == [0, 1, 2]
    assert done[-1] == 0
    assert sorted(seen) == [(1, 1), (1, 1), (2, 2)]
    assert torch.get_num_threads() == before


def test_an_error_reaches_the_caller_and_drops_the_rest() -> None:
    started: list[int] = []

    def work(part: Part) -> Part:
        started.append(part.indices[0])
        if part.indices[0] == 0:
            raise MemoryError("too large")
        return part

    parts = [Part([number], 1) for number in range(50)]
    before = threading.active_count()
    with pytest.raises(MemoryError, match="too large"):
        list(run_side_by_side(work, parts, 2))
    assert len(started) < 50
    assert threading.active_count() == before
