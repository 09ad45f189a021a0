"""SQLite's date functions over text, in DuckDB's timestamps.

https://sqlite.org/lang_datefunc.html. The current time is a fixed instant: a verdict
must not depend on the day on which it is made.
"""

from __future__ import annotations

import re

from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.passes.build import as_text, call, text
from sql_ft.execution.tables import Schema

NOW = "2024-01-01 12:00:00"
_FORMATS = {"DATE": "%Y-%m-%d", "TIME": "%H:%M:%S", "DATETIME": "%Y-%m-%d %H:%M:%S"}
_SHIFT = re.compile(
    r"^([+-]?)\s*(\d+)(?:\.0*)?\s+(day|hour|minute|second|month|year)s?$", re.IGNORECASE
)
_PLAIN_CODES = frozenset("YmdHMSjwW%")
_EXTRA_CODES = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "e": "%-d", "k": "%-H", "u": "%u"}


def date_functions(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """DATE, TIME, DATETIME, STRFTIME, JULIANDAY, UNIXEPOCH and CURRENT_DATE."""
    del schema
    for node in reversed(nodes_of(tree)):
        new = _translate(node)
        if new is not None:
            if node is tree:
                return new
            node.replace(new)
    return tree


def _translate(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.CurrentDate):
        return text(NOW[:10])
    if isinstance(node, exp.CurrentTimestamp):
        return text(NOW)
    if isinstance(node, exp.CurrentTime):
        return text(NOW[11:])
    if isinstance(node, exp.TimeToStr):
        moment = node.this
        while isinstance(moment, (exp.TsOrDsToTimestamp, exp.TsOrDsToDate)):
            moment = moment.this
        pattern = node.args["format"]
        if isinstance(pattern, exp.Literal):
            return _formatted(pattern.this, [moment])
        raise SqlTranslationError("STRFTIME with a format that is no literal")
    if isinstance(node, exp.Date):
        arguments = [a for a in [node.this, node.args.get("zone"), *node.expressions] if a]
        return _formatted(_FORMATS["DATE"], arguments)
    if not isinstance(node, exp.Anonymous):
        return None
    name, arguments = node.name.upper(), list(node.expressions)
    if name in _FORMATS:
        return _formatted(_FORMATS[name], arguments)
    if name == "STRFTIME" and arguments:
        if not (isinstance(arguments[0], exp.Literal) and arguments[0].is_string):
            raise SqlTranslationError("STRFTIME with a format that is no literal")
        return _formatted(arguments[0].this, arguments[1:])
    if name == "JULIANDAY":
        # Astronomers' days begin at noon, DuckDB's JULIAN at midnight.
        julian = call("JULIAN", _moment(arguments))
        return exp.Paren(this=exp.Sub(this=julian, expression=exp.Literal.number("0.5")))
    if name == "UNIXEPOCH":
        return exp.cast(call("EPOCH", _moment(arguments)), "BIGINT")
    return None


def _formatted(pattern: str, arguments: list[exp.Expr]) -> exp.Expr:
    moment = _moment(arguments)
    if pattern == "%s":
        return as_text(exp.cast(call("EPOCH", moment), "BIGINT"))
    if pattern == "%J":
        julian = call("JULIAN", moment)
        return as_text(exp.Sub(this=julian, expression=exp.Literal.number("0.5")))
    out, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        code = pattern[place + 1] if char == "%" and place + 1 < len(pattern) else ""
        if not code:
            out += char
            place += 1
            continue
        if code in _PLAIN_CODES:
            out += char + code
        elif code == "f":
            out += "%S.%g"
        elif code in _EXTRA_CODES:
            out += _EXTRA_CODES[code]
        else:
            raise SqlTranslationError(f"STRFTIME format %{code}", expected="%Y %m %d %H %M %S …")
        place += 2
    return call("STRFTIME", moment, text(out))


def _moment(arguments: list[exp.Expr]) -> exp.Expr:
    """TIMESTAMP of a time value and its modifiers, NULL where the text is no time."""
    if not arguments:
        arguments = [text("now")]
    value, *modifiers = arguments
    if isinstance(value, exp.Literal) and value.is_string and value.this.lower() == "now":
        value = text(NOW)
    moment: exp.Expr = exp.TryCast(this=as_text(value), to=exp.DataType.build("TIMESTAMP"))
    for modifier in modifiers:
        if not (isinstance(modifier, exp.Literal) and modifier.is_string):
            raise SqlTranslationError("a date modifier that is no literal")
        moment = _modified(moment, modifier.this.strip())
    return moment


def _modified(moment: exp.Expr, modifier: str) -> exp.Expr:
    lower = modifier.lower()
    if lower in ("localtime", "utc", "auto", "subsec", "subsecond"):
        return moment
    if lower.startswith("start of "):
        unit = lower.removeprefix("start of ")
        if unit in ("day", "month", "year"):
            return exp.cast(call("DATE_TRUNC", text(unit), moment), "TIMESTAMP")
    match = _SHIFT.match(modifier)
    if match is None:
        raise SqlTranslationError(
            f"date modifier {modifier!r}", expected="'+N days', 'start of month', …"
        )
    sign, amount, unit = match.groups()
    interval = call(f"TO_{unit.upper()}S", exp.Literal.number(amount))
    operator = exp.Sub if sign == "-" else exp.Add
    return exp.Paren(this=operator(this=moment, expression=interval))
