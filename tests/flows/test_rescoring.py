"""Verdicts belong to answers, set and rules: with other rules the same answers score anew."""

from __future__ import annotations

from pathlib import Path

from sql_ft.config import parse_config
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.generation.prediction_cache import write_predictions
from sql_ft.records import Prediction, Sample, Verdict, read_jsonl
from tasks.evaluate import score_predictions

TABLE = "CREATE TABLE head (name VARCHAR, age INTEGER)"


def test_the_champion_is_scored_again_when_the_evaluator_or_the_set_differs(tmp_path: Path) -> None:
    sample = Sample("s1", "Name and age?", TABLE, "SELECT name, age FROM head", "heads")
    answer = Prediction("s1", "candidate", "", "SELECT age, name FROM head", True, 9, 9, "stop")
    answers_path = tmp_path / "predictions" / "champion.jsonl"
    write_predictions(answers_path, [answer], {})

    def score(column_order: str, databases: int = 2) -> tuple[Path, Verdict]:
        config = parse_config(
            {
                "state_dir": str(tmp_path),
                "evaluation": {
                    "column_order": column_order,
                    "databases_per_sample": databases,
                    "workers": 1,
                },
            }
        )
        folder = tmp_path / f"set-{databases}"
        built = build_evaluation_set([sample], config.evaluation, folder)
        paths = score_predictions.fn(
            config,
            {"path": str(folder), "hash": built.hash},
            {"champion": {"path": str(answers_path)}},
        )
        (verdict,) = read_jsonl(Path(paths["champion"]), Verdict)
        return Path(paths["champion"]), verdict

    free_path, free = score("free")
    assert (free.arm, free.correct) == ("champion", True)
    fixed_path, fixed = score("fixed")
    assert not fixed.correct
    other_path, other = score("free", databases=3)
    assert other == free
    assert len({free_path, fixed_path, other_path}) == 3
    # Nothing has changed: nothing is scored, the file is the same (its time says when it was used).
    before = free_path.stat().st_ino
    assert score("free") == (free_path, free)
    assert free_path.stat().st_ino == before
