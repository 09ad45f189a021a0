"""Builders and readers of reports for the tests of this folder."""

from __future__ import annotations

import html.parser
import io

from rich.console import Console
from verdict_factory import make_prediction, make_verdict, predictions_of

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.examples import EXAMPLES
from sql_ft.evaluation.gate import Side, decide
from sql_ft.evaluation.metrics import summarize
from sql_ft.evaluation.report import build_report_data, print_report
from sql_ft.records import Sample

HOSTILE = "<script>alert('x')</script> [bold red]|pipe `tick` & more"
OUTCOMES = {"c": "correct", "w": "wrong_result", "e": "error", "x": "excluded"}


def make_report(*, arms=("base", "champion", "candidate"), hostile=False, n=120, **changes):
    text = HOSTILE if hostile else "How many heads?"
    samples = [
        Sample(
            f"s{i:04d}",
            f"{text} {i}",
            f"CREATE TABLE head (age INTEGER) -- {text}",
            "SELECT COUNT(*) FROM head",
            f"g{i % 30}",
            {"kind": ("count", "join", text)[i % 3]},
        )
        for i in range(n)
    ]
    patterns = {"base": "wwec", "base_3shot": "wwcc", "champion": "cwec", "candidate": "cccw"}
    verdicts = {
        arm: [
            make_verdict(
                i,
                OUTCOMES["x" if i == 7 else patterns[arm][i % 4]],
                arm=arm,
                gold_sql="SELECT COUNT(*) FROM head",
                predicted_sql=f"SELECT COUNT(age) FROM head /* {arm} {text} */",
                detail=text,
                gold_head=f"n\n{i}",
                predicted_head=f"{text}\n1",
            )
            for i in range(n)
        ]
        for arm in arms
    }
    predictions = {
        arm: [
            *predictions_of(rows),
            *(make_prediction(e.id, f"{arm} says {text}", arm=arm) for e in EXAMPLES),
        ]
        for arm, rows in verdicts.items()
    }
    summaries = {arm: summarize(rows, predictions[arm], samples) for arm, rows in verdicts.items()}
    decision = None
    if "champion" in arms and "candidate" in arms:
        sides = {
            arm: Side(verdicts[arm], summaries[arm], arm, version, "set", "rules")
            for arm, version in (("champion", "3"), ("candidate", "4"))
        }
        decision = decide(
            reference=sides["champion"],
            candidate=sides["candidate"],
            reference_arm="champion",
            config=PromotionConfig(),
        )
    values = {
        "title": f"Week 12 {text}" if hostile else "Week 12",
        "samples": samples,
        "summaries": summaries,
        "verdicts": verdicts,
        "predictions": predictions,
        "stats": {arm: {"tokens_per_second": 1234.4} for arm in arms},
        "decision": decision,
        "facts": {"base model": text},
    }
    return build_report_data(**{**values, **changes})


def in_terminal(data, width=140):
    stream = io.StringIO()
    print_report(data, Console(file=stream, width=width, color_system=None))
    return stream.getvalue()


class Page(html.parser.HTMLParser):
    """Collects elements and checks that every one is closed in order."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.attributes = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
