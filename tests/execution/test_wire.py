import datetime as dt
import decimal
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_ft.execution import wire

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**127), 2**127),
        st.floats(),
        st.text(),
        st.binary(),
        st.decimals(allow_nan=False),
        st.dates(),
        st.datetimes().map(lambda t: t.replace(fold=0)),
        st.times().map(lambda t: t.replace(fold=0)),
        st.timedeltas(),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=3))
def test_values_survive_the_wire(rows):
    (message,) = wire.FrameReader().feed(wire.pack({"r": wire.encode_rows(rows)}))
    back = wire.decode_rows(message["r"])
    assert repr(list(back)) == repr([tuple(r) for r in rows])


def test_frames_may_arrive_in_pieces():
    data = wire.pack({"a": 1}) + wire.pack({"b": [2]})
    reader = wire.FrameReader()
    found = [m for i in range(len(data)) for m in reader.feed(data[i : i + 1])]
    assert found == [{"a": 1}, {"b": [2]}]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x03abc",
        b"\x00\x00\x27\x10" + b"[" * 10_000,
    ],
)
def test_nonsense_on_the_wire_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        wire.FrameReader().feed(data)


@pytest.mark.parametrize(
    "value", [{"z": 1}, {"d": "x"}, {"a": 1, "b": 2}, [1], {"i": 3}, {"n": "q"}, {"b": "é"}]
)
def test_malformed_values_are_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        wire.decode_value(value)


def test_special_numbers():
    assert math.isnan(wire.decode_value(wire.encode_value(math.nan)))
    assert wire.decode_value(wire.encode_value(1 << 20_000)) == hex(1 << 20_000)
    assert wire.decode_value(wire.encode_value({"a": decimal.Decimal("1.50")})) == (
        ("a", decimal.Decimal("1.50")),
    )
    assert wire.decode_value(wire.encode_value(dt.date(1, 1, 1))) == dt.date(1, 1, 1)
