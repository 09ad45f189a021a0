import pytest

from sql_ft.errors import TrainingError
from sql_ft.evaluation.statistics import paired_difference
from sql_ft.records import Outcome, Verdict
from sql_ft.sweep.comparison import (
    COLUMNS,
    DONE,
    FAILED,
    ChildOutcome,
    choose_best,
    comparison_markdown,
    comparison_rows,
)
from sql_ft.sweep.figure import draw_comparison
from sql_ft.sweep.gain import measure_gain


def outcome(number, accuracy=None, *, parameters=100, rows=10, reason="") -> ChildOutcome:
    metrics = {}
    if accuracy is not None:
        metrics = {
            "validation/execution_accuracy": accuracy,
            "validation/execution_accuracy_low": max(0.0, accuracy - 0.1),
            "validation/execution_accuracy_high": min(1.0, accuracy + 0.1),
            "gain/execution_accuracy": accuracy - 0.2,
        }
    return ChildOutcome(
        number=number,
        label=f"child {number}",
        settings={
            "lora_r": 8,
            "target_modules": "attention",
            "learning_rate": 1e-3,
            "train_rows": rows,
        },
        status=FAILED if accuracy is None else DONE,
        reason=reason,
        metrics=metrics,
        adapter={"trainable_parameters": parameters},
    )


def test_the_best_is_the_most_accurate():
    assert choose_best([outcome(1, 0.3), outcome(2, 0.5), outcome(3, 0.4)]).number == 2


def test_of_equals_the_smallest_then_the_one_with_fewest_rows():
    equal = [
        outcome(1, 0.5, parameters=200, rows=5),
        outcome(2, 0.5, parameters=100, rows=20),
        outcome(3, 0.5, parameters=100, rows=10),
        outcome(4, 0.5, parameters=100, rows=10),
    ]
    assert choose_best(equal).number == 3
    assert choose_best(equal[::-1]).number == 3


def test_a_failed_child_is_never_the_best_and_keeps_its_reason():
    rows = [outcome(1, reason="out of memory"), outcome(2, 0.0)]
    assert choose_best(rows).number == 2
    table = comparison_rows(rows, choose_best(rows))
    assert [row[0] for row in table] == ["2", "1"]
    assert [row[-1] for row in table] == ["best (trained)", "out of memory"]
    assert all(len(row) == len(COLUMNS) for row in table)
    page = comparison_markdown("T", rows, None, ["a|note"])
    assert page.count("\n| ") == 3
    assert "a\\|note" in page


def test_all_failed_is_an_error_with_a_reason():
    with pytest.raises(TrainingError, match="all 2 children of the sweep failed: disk full"):
        choose_best([outcome(1, reason="disk full"), outcome(2, reason="oom")])


def test_plot_has_a_row_for_every_scored_child():
    rows = [outcome(1, 0.3), outcome(2, reason="oom"), outcome(3, 0.5)]
    figure = draw_comparison(rows, rows[2], 0.2)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["child 3", "child 1"]
    assert "0.200" in axes.get_title(loc="left")


def verdicts(letters: str) -> list[Verdict]:
    kinds = {"c": Outcome.CORRECT, "w": Outcome.WRONG_RESULT, "x": Outcome.EXCLUDED}
    return [
        Verdict(
            sample_id=f"s{i}",
            arm="a",
            schema_group=f"g{i % 3}",
            outcome=kinds[letter],
            status="ok",
            reason="",
            gold_sql="",
            predicted_sql="",
            valid_sql=True,
            schema_adherence=True,
            strict_format=True,
        )
        for i, letter in enumerate(letters)
    ]


def test_gain_is_paired_on_what_both_were_scored_on():
    gain = measure_gain(verdicts("wwwcxw"), verdicts("ccwcxx"))
    expected = paired_difference(
        [False, False, False, True], [True, True, False, True], ["g0", "g1", "g2", "g0"]
    )
    assert gain["gain/execution_accuracy"] == expected.difference == 0.5
    assert gain["gain/execution_accuracy_low"] == expected.low
    assert measure_gain(verdicts("xx"), verdicts("cc")) == {}
