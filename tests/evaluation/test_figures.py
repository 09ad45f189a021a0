from __future__ import annotations

import io
import sys

import pytest
from report_factory import HOSTILE, make_report

from sql_ft.evaluation.figures import draw_figures

CURVE = [(10, 1.5), (20, 0.7)]
PNG = b"\x89PNG\r\n\x1a\n"


def pictures(data):
    """File name → PNG bytes; drawing is where matplotlib finds fault."""
    found = {}
    for name, figure in draw_figures(data).items():
        out = io.BytesIO()
        figure.savefig(out, format="png")
        found[name] = out.getvalue()
    return found


def test_three_plots_where_all_is_known():
    found = pictures(make_report(loss_curve=CURVE))
    assert set(found) == {"accuracy_by_arm.png", "gain_per_slice.png", "loss_curve.png"}
    assert all(data.startswith(PNG) and 5_000 < len(data) < 300_000 for data in found.values())


def test_only_what_is_known_is_drawn():
    assert set(draw_figures(make_report(arms=("candidate",)))) == {"accuracy_by_arm.png"}
    assert "loss_curve.png" not in draw_figures(make_report(loss_curve=[(1, float("nan"))]))


def test_the_figures_say_what_the_report_says():
    data = make_report()
    axes = draw_figures(data)["gain_per_slice.png"].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["all", "kind: join", "kind: How many heads?", "kind: count"]
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == "+0.261 (+60 −29 of 119)"


def test_a_formula_in_a_name_is_no_formula():
    data = make_report(hostile=True, n=12, title=r"$\frac{" + HOSTILE)
    assert pictures(data)["accuracy_by_arm.png"].startswith(PNG)


def test_without_matplotlib_reports_still_work(monkeypatch):
    from sql_ft.evaluation.report import render_html

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    data = make_report(n=12)
    assert "<html" in render_html(data)
    with pytest.raises(ModuleNotFoundError):
        draw_figures(data)
