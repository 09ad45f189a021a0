"""Reading the intents: what a question needs, its SQL, its phrasings.

An intent is written as::

    filter_eq: t=table; c=show t; k=cat t; v=eq k
    = SELECT {c} FROM {t} WHERE {k} {v}
    - List the {c.says} of all {t.many} {v.post}.
    - I need the {c.say} of every {t.one} {v.post}.

The first line binds variables by the verbs of `sql_ft.assets.sample.binding`; a bare
``{c}`` is the variable's SQL, ``{c.says}`` one of its wordings. A phrasing marked
``@people`` fits only where the first table bound holds people. Phrasings are numbered
in the order written, which makes the template id (``filter_eq/p0``) stable: append,
never insert.
A line indented by two spaces continues the line before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sql_ft.assets.sample import intents_links, intents_rows, intents_totals

_TEXTS: tuple[tuple[str, str], ...] = (
    ("select", intents_rows.SELECT),
    ("filter", intents_rows.FILTER),
    ("order", intents_rows.ORDER),
    ("distinct", intents_rows.DISTINCT),
    ("aggregate", intents_totals.AGGREGATE),
    ("group", intents_totals.GROUP),
    ("date", intents_totals.DATE),
    ("join", intents_links.JOIN),
    ("nested", intents_links.NESTED),
    ("set", intents_links.SET),
)

_PEOPLE_MARK = " @people"


@dataclass(frozen=True)
class Phrasing:
    """One question template.

    Attributes:
        template: Stable id, ``<intent>/p<number>``.
        text: Format string over the intent's variables.
        people_only: Whether it fits only tables of people.
    """

    template: str
    text: str
    people_only: bool


@dataclass(frozen=True)
class Intent:
    """One query family with its phrasings.

    Attributes:
        name: Identifier, unique over all kinds.
        kind: Coarse family, e.g. ``join``.
        needs: Pairs of variables and the verb that binds them, in binding order.
        sql: Format string over the variables.
        phrasings: At least five.
    """

    name: str
    kind: str
    needs: tuple[tuple[tuple[str, ...], str], ...]
    sql: str
    phrasings: tuple[Phrasing, ...]


@cache
def load_intents() -> tuple[Intent, ...]:
    """All intents of all kinds, in written order.

    Raises:
        ValueError: An intent does not follow the form, or a name occurs twice.
    """
    intents = [
        _parse_intent(kind, block)
        for kind, text in _TEXTS
        for block in re.split(r"\n\s*\n", text.strip())
    ]
    names = [intent.name for intent in intents]
    if len(names) != len(set(names)):
        raise ValueError(f"intent named twice among {sorted(names)}")
    return tuple(intents)


def _parse_intent(kind: str, block: str) -> Intent:
    header, *lines = re.sub(r"\n  ", " ", block).splitlines()
    name, colon, needs_text = header.partition(":")
    sql = [line[2:] for line in lines if line.startswith("= ")]
    texts = [line[2:] for line in lines if line.startswith("- ")]
    if not colon or len(sql) != 1 or len(texts) < 5 or len(lines) != 1 + len(texts):
        raise ValueError(f"intent {name!r} needs one SQL line and at least five phrasings")
    needs = []
    for statement in needs_text.split(";"):
        variables, _, verb = statement.strip().partition("=")
        needs.append((tuple(variables.split(",")), verb))
    phrasings = tuple(
        Phrasing(f"{name}/p{i}", text.removesuffix(_PEOPLE_MARK), text.endswith(_PEOPLE_MARK))
        for i, text in enumerate(texts)
    )
    return Intent(name, kind, tuple(needs), sql[0], phrasings)
