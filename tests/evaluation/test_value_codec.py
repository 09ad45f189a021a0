from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal

import pytest

from sql_ft.errors import EvaluationError
from sql_ft.evaluation.value_codec import decode_value, encode_value, format_head

VALUES = [
    None,
    True,
    0,
    2**100,
    1.0,
    0.1,
    -math.inf,
    "",
    "$date",
    "naïve\x00🙂",
    Decimal("1.20"),
    dt.date(2024, 2, 29),
    dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
    dt.time(23, 59, 59, 999999),
    dt.timedelta(days=-1, seconds=5, microseconds=7),
    b"\x00\xff",
    uuid.UUID(int=7),
    [1, [None, Decimal("2")]],
    (1, "a"),
    {"$date": 1, 2: [dt.date(2020, 1, 1)]},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip_keeps_value_and_type(value):
    restored = decode_value(json.loads(json.dumps(encode_value(value))))
    assert restored == value
    assert type(restored) is type(value)


def test_nan():
    assert math.isnan(decode_value(encode_value(math.nan)))


def test_unknown_types_and_forms_are_errors():
    with pytest.raises(EvaluationError, match="type object"):
        encode_value(object())
    with pytest.raises(EvaluationError, match="unknown stored value"):
        decode_value({"$no": 1})


def test_head_counts_the_rest_and_cuts_long_lines():
    head = format_head(("a", "b"), tuple((i, None) for i in range(7)))
    assert head.splitlines() == ["a | b", *[f"{i} | NULL" for i in range(5)], "… 2 more rows"]
    line = format_head(("a",), (("x\n" * 300,),)).splitlines()[1]
    assert len(line) == 160
    assert line.endswith("…")
