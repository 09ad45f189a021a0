"""The questions put to a version before and after it goes live, and what a wrong answer does."""

import contextlib
import dataclasses
from typing import Any

import pytest
from small_training import make_samples

from sql_ft.errors import ModelError
from sql_ft.generation import greedy
from sql_ft.records import Decision, Prediction
from sql_ft.tracking.fresh_process import FreshAnswers
from sql_ft.tracking.promotion import decisions_of, set_champion
from sql_ft.tracking.served_check import MIN_PROBE_ROWS, check_served, probe_positions
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import RegisteredVersion, get_alias, get_version
from sql_ft.tracking.withdrawal import withdraw_champion

VERSION = RegisteredVersion("m", "3", "hash-3", "run", "m-1", "file:///x", {})


def predictions_of_lengths(lengths: list[int]) -> list[Prediction]:
    return [
        Prediction(f"s{i}", "candidate", f"q{i}", f"SELECT {i}", True, length, 3, "stop")
        for i, length in enumerate(lengths)
    ]


class Answering:
    """A process that answers as told, and remembers what it was asked."""

    def __init__(self, answer: Any, adapter_hash: str = "hash-3") -> None:
        self._answer, self._hash = answer, adapter_hash
        self.rows: list[Any] = []

    def answer(self, uri: str, rows: Any, **options: Any) -> FreshAnswers:
        self.rows = list(rows)
        answers = tuple(self._answer(row["question"]) for row in rows)
        return FreshAnswers(self._hash, "base", answers, (), "code")


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "a part a core"])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 16, 64])
def test_the_probe_set_is_whole_batches_of_the_evaluation(
    batch_size: int, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same prompts share a batch, or a part of one, when the probe set is decoded alone."""
    lengths = [(37 * i) % 23 + 5 for i in range(50)]
    predictions = predictions_of_lengths(lengths)
    batches: set[tuple[tuple[int, ...], ...]] = set()

    def decode_batch(model: Any, prompts: Any, **options: Any) -> list[greedy.Decoded]:
        batches.add(tuple(tuple(p) for p in prompts))
        return [greedy.Decoded([], "stop") for _ in prompts]

    monkeypatch.setattr(greedy, "decode_batch", decode_batch)
    monkeypatch.setattr(greedy, "takes_grouped_rows", lambda model: cut)
    monkeypatch.setattr(greedy, "_attention_switched", lambda *_: contextlib.nullcontext())
    prompts = [[i] * length for i, length in enumerate(lengths)]
    settings: dict[str, Any] = {
        "max_new_tokens": 1, "batch_size": batch_size, "stop_ids": [], "pad_id": 0
    }  # fmt: skip
    greedy.decode_all(None, prompts, **settings)
    whole, batches = batches, set()
    positions = probe_positions(predictions, batch_size)
    greedy.decode_all(None, [prompts[i] for i in positions], **settings)
    assert len(positions) >= MIN_PROBE_ROWS
    assert batches
    assert batches <= whole
    assert len(positions) < MIN_PROBE_ROWS + batch_size


def test_few_questions_are_all_asked() -> None:
    assert probe_positions(predictions_of_lengths([5, 9, 7]), 64) == [0, 1, 2]
    assert probe_positions(predictions_of_lengths([5, 9, 7]), 1) == [0, 1, 2]


def ask(process: Any, count: int = 20) -> Any:
    samples = make_samples(count)
    predictions = [
        Prediction(s.id, "candidate", s.gold_sql, s.gold_sql, True, 10, 3, "stop") for s in samples
    ]
    by_id = {s.id: s for s in samples}
    return check_served(process, "models:/m/3", VERSION, predictions, by_id, batch_size=64)


def test_identical_answers_pass() -> None:
    golds = {s.question: s.gold_sql for s in make_samples(20)}
    process = Answering(golds.__getitem__)
    check = ask(process)
    assert check.passed
    assert check.detail == (
        "models:/m/3, loaded in a process of its own, answers 20 questions as judged"
    )
    assert set(process.rows[0]) == {"context", "question"}


def test_one_other_answer_fails_and_is_named() -> None:
    golds = {s.question: s.gold_sql for s in make_samples(20)}
    wrong = make_samples(20)[4].question
    check = ask(Answering({**golds, wrong: "SELECT 1"}.__getitem__))
    assert not check.passed
    assert (check.value, check.detail) == (
        1,
        "1 of 20 answers of models:/m/3 differ from those that were judged (samples s4)",
    )


def test_another_adapter_or_none_fails() -> None:
    assert "serves adapter other" in ask(Answering(lambda question: "", "other")).detail

    class Broken(Answering):
        def answer(self, uri: str, rows: Any, **options: Any) -> FreshAnswers:
            raise ModelError("does not load")

    check = ask(Broken(None))
    assert not check.passed
    assert "does not load" in check.detail


def make_version(store: Store, name: str, run_id: str) -> str:
    client = store.client()
    if get_model(store, name) is None:
        client.create_registered_model(name)
    made = client.create_model_version(
        name, source="file:///none", run_id=run_id, tags={"adapter_hash": "h"}, await_creation_for=0
    )
    return str(made.version)


def get_model(store: Store, name: str) -> Any:
    from sql_ft.tracking.versions import read_model

    return read_model(store, name)


def test_a_champion_that_answers_otherwise_gives_the_alias_back(store: Store, run_id: str) -> None:
    name = "withdrawn"
    promoted = Decision(True, "promoted: better", (), "base")
    refused = dataclasses.replace(promoted, promote=False, reason="2 of 20 answers differ")
    options: dict[str, Any] = {"run_id": run_id}

    first = make_version(store, name, run_id)
    set_champion(store, name, first, promoted, expected_champion=None, **options)
    assert withdraw_champion(store, name, first, refused, experiment="registry", **options)
    assert get_alias(store, name, "champion") is None
    assert decisions_of(get_version(store, name, first))[-1]["reason"] == refused.reason

    second, third = make_version(store, name, run_id), make_version(store, name, run_id)
    set_champion(store, name, second, promoted, expected_champion=None, **options)
    set_champion(store, name, third, promoted, expected_champion=second, **options)
    assert withdraw_champion(store, name, third, refused, experiment="registry", **options)
    champion = get_alias(store, name, "champion")
    assert champion is not None
    assert champion.version == second
    assert refused.reason in get_version(store, name, third).tags["withdrawn"]

    # Another version went live meanwhile: nothing is taken from it.
    assert not withdraw_champion(store, name, third, refused, experiment="registry", **options)
    with pytest.raises(ValueError, match="a promotion cannot withdraw"):
        withdraw_champion(store, name, second, promoted, experiment="registry", **options)
