from __future__ import annotations

import datetime as dt

from sql_ft.evaluation.result_text import format_head


def test_head_counts_the_rest_and_cuts_long_lines():
    head = format_head(("a", "b"), tuple((i, None) for i in range(7)))
    assert head.splitlines() == ["a | b", *[f"{i} | NULL" for i in range(5)], "… 2 more rows"]
    line = format_head(("a",), (("x\n" * 300,),)).splitlines()[1]
    assert len(line) == 160
    assert line.endswith("…")


def test_dates_are_written_as_iso():
    head = format_head(("d", "t"), ((dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 1)),))
    assert head.splitlines()[1] == "2024-02-29 | 2024-02-29T01:00:00"
