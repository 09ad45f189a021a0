"""What the page holds beyond a table: plots, marks, costs; and how large it may become."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET

from report_factory import HOSTILE, Page, in_terminal, make_report
from verdict_factory import make_prediction, make_verdict

from sql_ft.evaluation.metrics import summarize
from sql_ft.evaluation.report import build_report_data, render_html, render_markdown
from sql_ft.evaluation.report_data import StageTime
from sql_ft.evaluation.report_plots import axis_limit, plot_curve
from sql_ft.evaluation.report_questions import MAX_PAGE_CHARS
from sql_ft.evaluation.report_table import COLUMNS, MAX_CELL_CHARS, verdict_table
from sql_ft.records import Sample

WITH_COSTS = {
    "loss_curve": [(10, 1.5), (20, 0.7), (30, 0.4)],
    "stages": [StageTime("train", 93.4, "kept from an earlier run"), StageTime("score", 3.2)],
    "costs": {"adapter": "1.08 MB, 266,240 parameters"},
}


def pieces(sql_before, sql_after, outcomes, gold="SELECT a FROM t WHERE b = 1", **changes):
    """A report of one question."""
    verdicts = {
        arm: [make_verdict(0, outcome, arm=arm, gold_sql=f"executed {gold}", predicted_sql=sql)]
        for arm, outcome, sql in (
            ("base", outcomes[0], f"executed {sql_before}"),
            ("candidate", outcomes[1], f"executed {sql_after}"),
        )
    }
    predictions = {
        "base": [make_prediction("s0000", sql_before, arm="base")],
        "candidate": [make_prediction("s0000", sql_after)],
    }
    return build_report_data(
        title="t",
        samples=[Sample("s0000", "q", "CREATE TABLE t (a INT, b INT)", gold)],
        summaries={arm: summarize(rows) for arm, rows in verdicts.items()},
        verdicts=verdicts,
        **{"predictions": predictions, **changes},
    )


def sides_of(page: str) -> dict[str, str]:
    """Heading of a side of the first card → its text, marks kept."""
    found = re.findall(r"<h4>(gold|base|candidate)\b.*?</h4>\s*<pre>(.*?)</pre>", page, re.DOTALL)
    return dict(reversed(found))


def test_every_plot_is_valid_svg_inside_its_frame():
    text = render_html(make_report(**WITH_COSTS))
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3 + (1 + 3) + 1 + 2  # arms, slices, curve, stages
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert root.attrib["aria-label"]
        for element in root.iter():
            for name in ("x1", "x2", "cx", "width"):
                value = element.attrib.get(name, "0").rstrip("%")
                assert 0.0 <= float(value) <= 100.0
        for line in root.iter("polyline"):
            points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
            assert [x for x, _ in points] == [0.0, 50.0, 100.0]
            assert all(0.0 <= y <= 100.0 for _, y in points)


def test_the_head_has_the_difference_with_its_interval():
    data = make_report()
    page = "".join(Page(render_html(data)).text)
    paired = data.decision.metrics["paired"]
    assert f"{paired['difference']:+.3f}" in page
    assert f"[{paired['low']:+.3f}, {paired['high']:+.3f}]" in page
    assert "+60 −29" in page


def test_a_gained_question_marks_what_the_reference_lacked():
    data = pieces("SELECT a FROM t", "SELECT t.a FROM t WHERE b = 1", ("wrong_result", "correct"))
    sides = sides_of(render_html(data))
    assert sides["gold"] == "SELECT a FROM t <mark>WHERE b = 1</mark>"
    assert sides["base"] == "SELECT a FROM t"
    assert sides["candidate"] == (
        'SELECT <mark class="mild">t.</mark>a FROM t WHERE b = 1'
    )  # right, and said otherwise


def test_a_lost_question_marks_what_the_candidate_lacks():
    data = pieces("SELECT a FROM t WHERE b = 1", "SELECT b FROM t", ("correct", "wrong_result"))
    sides = sides_of(render_html(data))
    assert sides["gold"] == "SELECT <mark>a</mark> FROM t <mark>WHERE b = 1</mark>"
    assert sides["candidate"] == "SELECT <mark>b</mark> FROM t"
    assert "<mark" not in sides["base"]


def test_sql_is_shown_as_written_everywhere_and_as_executed_on_demand():
    data = pieces("SELECT 1", "SELECT 2", ("wrong_result", "correct"))
    page = render_html(data)
    before_details, _, details = page.partition("<details>")
    assert "executed SELECT" not in before_details
    assert details.count("executed SELECT") == 3
    assert "executed SELECT" not in render_markdown(data)
    assert "executed SELECT" not in in_terminal(data)
    columns, ((*cells,),) = verdict_table(data)
    row = dict(zip(columns, cells, strict=True))
    assert (row["gold_sql"], row["after_sql"]) == ("SELECT a FROM t WHERE b = 1", "SELECT 2")
    assert row["after_executed"] == "executed SELECT 2"
    # Where the answer as written is not known, neither side is.
    unknown = pieces("SELECT 1", "SELECT 2", ("wrong_result", "correct"), predictions={})
    assert sides_of(render_html(unknown))["gold"].startswith("executed ")
    assert sides_of(render_html(unknown))["base"].startswith("executed ")


def test_costs_and_loss_curve_are_shown_where_they_are_known():
    text = render_html(make_report(**WITH_COSTS))
    page = "".join(Page(text).text)
    for part in ("Training loss", "step 30", "93 s", "kept from an earlier run", "1.08 MB"):
        assert part in page
    assert "training loss from 1.500 at step 10 to 0.400 at step 30" in text
    assert "| train | 93 s kept from an earlier run |" in render_markdown(make_report(**WITH_COSTS))
    without = render_html(make_report(stats={}))
    assert "Training loss" not in without
    assert "<h2>Cost</h2>" not in without


def test_a_curve_needs_two_numbers():
    assert plot_curve([]) is None
    assert plot_curve([(5, 1.0)]) is None
    assert plot_curve([(5, 1.0), (6, float("nan"))]) is None
    flat = plot_curve([(1, 0.0), (2, 0.0)])
    assert flat is not None
    assert flat.points == "0.00,100.00 100.00,100.00"


def test_small_slices_do_not_stretch_the_axis():
    from sql_ft.evaluation.report_changes import Change

    large = Change("", "", 100, 0.5, 0.6, 14, 4, 0.02, 0.18)
    tiny = Change("k", "v", 1, 0.0, 1.0, 1, 0, -0.2, 1.0)
    assert axis_limit([large, tiny]) == 0.2
    assert axis_limit([tiny]) == 0.1


def test_hostile_text_stays_text_in_every_new_part():
    data = make_report(
        hostile=True,
        n=12,
        stages=[StageTime(HOSTILE, 1.0, HOSTILE)],
        costs={HOSTILE: HOSTILE},
        loss_curve=[(1, 1.0), (2, 0.5)],
    )
    text = render_html(data)
    assert Page(text).elements.count("script") == 1
    assert "<script>alert" not in text
    assert "<script" not in render_markdown(data)


def test_two_thousand_long_questions_stay_a_page():
    long = "SELECT " + ", ".join(f"column_{i}" for i in range(400))  # about 5,000 characters
    n = 2000
    samples = [Sample(f"s{i:04d}", f"question {i}", long, long) for i in range(n)]
    verdicts = {
        arm: [
            make_verdict(i, outcome, arm=arm, gold_sql=long, predicted_sql=long + arm)
            for i in range(n)
        ]
        for arm, outcome in (("base", "wrong_result"), ("candidate", "correct"))
    }
    start = time.monotonic()
    data = build_report_data(
        title="t",
        samples=samples,
        summaries={arm: summarize(rows) for arm, rows in verdicts.items()},
        verdicts=verdicts,
    )
    text = render_html(data)
    assert time.monotonic() - start < 30
    assert len(text) < 1.2 * MAX_PAGE_CHARS
    shown = text.count("<article")
    assert 200 < shown < n
    assert f"{n - shown} more questions are left out" in text
    columns, rows = verdict_table(data)
    assert tuple(columns) == COLUMNS
    assert len(rows) == shown
    assert all(len(cell) <= MAX_CELL_CHARS for row in rows for cell in row)


def test_two_thousand_ordinary_questions_are_all_listed():
    data = make_report(n=2000)
    text = render_html(data)
    assert text.count("<article id=") == 2000
    assert len(text) < MAX_PAGE_CHARS
