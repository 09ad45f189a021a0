from __future__ import annotations

import re
import time

import pytest
from report_factory import HOSTILE, Page, in_terminal, make_report
from verdict_factory import make_prediction, make_verdict

from sql_ft.errors import EvaluationError
from sql_ft.evaluation import report_questions
from sql_ft.evaluation.differences import mark_differences
from sql_ft.evaluation.examples import EXAMPLES
from sql_ft.evaluation.metrics import summarize
from sql_ft.evaluation.report import build_report_data, render_html, render_markdown
from sql_ft.records import Sample


def test_examples_are_three_and_start_with_the_write_ups():
    assert [e.id for e in EXAMPLES] == ["example-1", "example-2", "example-3"]
    assert EXAMPLES[0].question == "How many heads of the departments are older than 56?"
    assert EXAMPLES[0].context == "CREATE TABLE head (age INTEGER)"


def test_terminal_shows_arms_checks_examples_and_flips():
    text = in_terminal(make_report())
    header = next(line for line in text.splitlines() if "candidate" in line)
    assert header.split() == ["base", "champion", "candidate"]
    accuracy = next(line for line in text.splitlines() if "execution accuracy" in line)
    assert accuracy.split()[2:] == ["0.244", "0.496", "0.756"]
    interval = next(line for line in text.splitlines() if "95% interval" in line)
    assert interval.split()[2:] == ["0.18–0.33", "0.41–0.58", "0.67–0.82"]
    assert "1,234" in text
    for name in ("same samples", "paired test", "max schema adherence drop"):
        assert name in text
    assert "Gained: 60 questions" in text
    assert "Lost: 29 questions" in text
    assert EXAMPLES[2].question in text
    assert "candidate says How many heads?" in text
    assert "error:" not in text


def test_flips_add_up_with_the_gate():
    data = make_report()
    paired = data.decision.metrics["paired"]
    assert len(data.changed("gained")) == paired["gains"]
    assert len(data.changed("lost")) == paired["losses"]
    assert len(data.changed("excluded")) == 1
    assert len(data.comparisons) == 120


def test_html_is_well_formed_self_contained_and_complete():
    data = make_report()
    text = render_html(data)
    page = Page(text)
    assert page.open == []
    assert page.elements.count("article") == 120 + 3
    assert data.decision.reason in "".join(page.text)
    urls = [v for k, v in page.attributes if k in ("src", "href", "srcset", "action")]
    assert urls[0] == "data:,"
    ids = {v for k, v in page.attributes if k == "id"}
    assert {url[1:] for url in urls[1:]} <= ids  # every link leads to a place in the page
    assert all(url.startswith("#") for url in urls[1:])
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    changes = [v for k, v in page.attributes if k == "data-change"]
    assert changes.count("gained") == 60 + 2  # the questions, their filter and a link to it
    # Each side marks what the other lacks; comments are tokens like any other.
    assert re.findall(r"<mark>(.*?)</mark>", text)[:2] == ["*", "age"]


def test_nothing_in_a_question_becomes_markup():
    data = make_report(hostile=True, n=8)
    page = Page(render_html(data))
    assert page.elements.count("script") == 1
    assert HOSTILE in "".join(page.text)
    markdown = render_markdown(data)
    assert "<script" not in markdown
    for line in markdown.splitlines():
        if line.startswith("| "):  # a pipe in a cell would add a column
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5)
    assert "[bold red]" in in_terminal(data)


def test_html_lists_flipped_questions_first_and_says_what_it_leaves_out(monkeypatch):
    monkeypatch.setattr(report_questions, "MAX_QUESTIONS", 61)
    page = Page(render_html(make_report()))
    badges = [v for k, v in page.attributes if k == "class" and v.startswith("badge")]
    assert badges == ["badge gained"] * 60 + ["badge lost"]
    assert "59 more questions are left out" in "".join(page.text)


def test_markdown_has_the_decision_and_every_check():
    data = make_report()
    text = render_markdown(data)
    assert text.startswith("# Week 12\n")
    assert text.count("\n- ✓ ") + text.count("\n- ✗ ") == len(data.decision.checks)
    assert "## Gained: 60 questions" in text


def test_single_arm_without_a_decision():
    data = make_report(arms=("candidate",))
    assert data.reference_arm == ""
    assert {c.change for c in data.comparisons} == {"right", "wrong", "excluded"}
    page = Page(render_html(data))
    assert "Gate" not in page.text
    assert "Gate" not in in_terminal(data)
    assert "## Gate" not in render_markdown(data)


def test_filters_offer_slices_and_failures_that_help():
    data = make_report(arms=("candidate",))
    page = Page(render_html(data))
    options = [text for text in page.text if re.fullmatch(r"\S.* \(\d+\)", text)]
    assert "wrong_result:rows_differ (29)" in options
    assert "count (40)" in options
    assert "join (40)" in options
    keys = {v for k, v in page.attributes if k == "value" and v}
    used = {key for k, v in page.attributes if k == "data-keys" for key in v.split()}
    assert keys == used  # no option without a question, no question without its options


def test_values_of_a_slice_stand_in_their_own_order():
    from sql_ft.evaluation.report_labels import ordered_slices, ordered_values

    assert ordered_values(["extra", "easy", "hard"]) == ["easy", "hard", "extra"]
    assert ordered_values(["limit", "plain", "zebra", "ant"]) == ["plain", "limit", "ant", "zebra"]
    assert ordered_slices(["kind", "spider_hardness", "clause"]) == [
        "clause", "spider_hardness", "kind"
    ]  # fmt: skip


def test_the_sql_is_shown_as_written_where_it_is_known():
    predictions = {"candidate": [make_prediction("s0000", "select COUNT(age) from head")]}
    data = make_report(arms=("candidate",), n=1, predictions=predictions)
    assert "select COUNT(" in render_html(data)
    unknown = make_report(arms=("candidate",), n=1, predictions={})
    assert "SELECT COUNT(" in render_html(unknown)
    assert "select COUNT(" not in render_html(unknown)


def test_one_sentence_about_a_single_arm():
    text = render_html(make_report(arms=("candidate",)))
    assert "90 of 119 questions right: execution accuracy 0.756 [0.672, 0.825]; 1 set aside" in text
    assert "questions right" not in render_html(make_report())


def test_all_four_arms_stand_in_order():
    data = make_report(arms=("candidate", "base_3shot", "base", "champion"))
    assert data.arms == ("base", "base_3shot", "champion", "candidate")
    assert data.reference_arm == "champion"


def test_nothing_scored_is_shown_as_unknown():
    samples = [Sample("s0000", "q", "c", "g")]
    verdicts = {"candidate": [make_verdict(0, "excluded")]}
    data = build_report_data(
        title="t",
        samples=samples,
        summaries={"candidate": summarize(verdicts["candidate"])},
        verdicts=verdicts,
    )
    for text in (render_html(data), render_markdown(data), in_terminal(data)):
        assert "0 of 1" in text
        assert "nan" not in text.lower()
        assert "None" not in text


def test_arms_must_agree():
    with pytest.raises(EvaluationError, match="same arms"):
        make_report(verdicts={"base": []})
    with pytest.raises(EvaluationError, match="at least one"):
        make_report(verdicts={}, summaries={})


@pytest.mark.parametrize(
    ("reference", "text", "marked"),
    [
        ("SELECT a FROM t", "select  a\nFROM t", ""),
        ("SELECT a FROM t", "SELECT b FROM t", "b"),
        ("SELECT a FROM t", "SELECT a FROM t WHERE x = 1", "WHERE x = 1"),
        ("SELECT 'A'", "SELECT 'a'", "'a'"),
        ("SELECT a", "", ""),
        ("", "SELECT a", "SELECT a"),
    ],
)
def test_mark_differences(reference, text, marked):
    pieces = mark_differences(reference, text)
    assert "".join(piece for piece, _ in pieces) == text
    assert "".join(piece for piece, is_new in pieces if is_new) == marked


def test_differences_of_long_texts_are_found_quickly():
    gold = "SELECT a FROM t WHERE " + " OR ".join(["a = 1"] * 2000)
    text = "SELECT a FROM t WHERE " + " AND ".join(["1 = b", "a=2"] * 1000) + " OR a = 1"
    start = time.monotonic()
    pieces = mark_differences(gold, text)
    assert time.monotonic() - start < 2
    assert "".join(piece for piece, _ in pieces) == text
    assert pieces[0] == ("SELECT a FROM t WHERE ", False)
    assert pieces[-1] == (" OR a = 1", False)


def test_a_megabyte_of_sql_does_not_swell_the_page():
    long = "SELECT " + ", ".join(["age"] * 200_000)
    predictions = {"candidate": [make_prediction("s0000", long)]}
    text = render_html(make_report(arms=("candidate",), n=1, predictions=predictions))
    assert len(text) < 60_000
    assert "more characters" in text
