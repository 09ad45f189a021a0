"""The bundled sample itself: rows of question, context and answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from sql_ft.assets.sample.binding import Binder, NoFitError
from sql_ft.assets.sample.context import write_context
from sql_ft.assets.sample.domain import Schema
from sql_ft.assets.sample.intents import Intent, Phrasing, load_intents
from sql_ft.assets.sample.literals import LiteralWriter
from sql_ft.assets.sample.schemas import load_schemas
from sql_ft.assets.sample.wording import finish_sentence
from sql_ft.errors import ConfigError

_Item = TypeVar("_Item")

DEFAULT_SEED = 7
DEFAULT_ROWS = 5200
_TRIES_PER_ROW = 400
_EVEN_TRIES = 60
_CANDIDATES = 4


def generate_rows(seed: int = DEFAULT_SEED, n_rows: int = DEFAULT_ROWS) -> list[dict[str, str]]:
    """Write the sample.

    The same arguments give the same rows on any machine. No question occurs twice.

    Args:
        seed: Seed of all choices.
        n_rows: Rows to write.

    Returns:
        Rows with ``question``, ``context``, ``answer`` (the public dataset's fields) and
        ``db_id`` (the schema), ``template`` (the phrasing), ``kind`` (the query family).

    Raises:
        ConfigError: ``n_rows`` is below one, or more than the generator has new
            questions for.
    """
    if n_rows < 1:
        raise ConfigError(f"n_rows is {n_rows}", setting="n_rows", expected="1 or more")
    rng = random.Random(seed)
    plan = _plan(rng)
    schemas = list(load_schemas())
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    while len(rows) < n_rows:
        intent, phrasing = next(plan)
        row = _try_schemas(rng, schemas, intent, phrasing, seen, counts)
        if row is None:
            raise ConfigError(
                f"no new question for template {phrasing.template} after {len(rows)} rows",
                setting="n_rows",
                expected="a smaller number",
            )
        seen.add(row["question"].lower())
        rows.append(row)
    return rows


def _plan(rng: random.Random) -> Iterator[tuple[Intent, Phrasing]]:
    """Endless (intent, phrasing): kinds in turn, then intents, then phrasings, all evenly."""
    kinds: dict[str, list[Intent]] = {}
    for intent in load_intents():
        kinds.setdefault(intent.kind, []).append(intent)
    intents = {kind: _shuffled_cycle(rng, members) for kind, members in kinds.items()}
    phrasings = {
        intent.name: _shuffled_cycle(rng, list(intent.phrasings))
        for members in kinds.values()
        for intent in members
    }
    turns = [name for name in kinds for _ in range(_KIND_WEIGHTS[name])]
    for kind in _shuffled_cycle(rng, turns):
        intent = next(intents[kind])
        yield intent, next(phrasings[intent.name])


_KIND_WEIGHTS = {
    "select": 1,
    "filter": 4,
    "order": 4,
    "distinct": 2,
    "aggregate": 4,
    "group": 5,
    "date": 4,
    "join": 6,
    "nested": 4,
    "set": 3,
}


def _shuffled_cycle(rng: random.Random, items: list[_Item]) -> Iterator[_Item]:
    while True:
        yield from rng.sample(items, len(items))


def _try_schemas(
    rng: random.Random,
    schemas: list[Schema],
    intent: Intent,
    phrasing: Phrasing,
    seen: set[str],
    counts: Counter[str],
) -> dict[str, str] | None:
    for attempt in range(_TRIES_PER_ROW):
        # Not every schema fits every intent, so plain chance would give some schemas five
        # times the rows of others. The least used of a few go first; then any.
        few = rng.sample(schemas, _CANDIDATES if attempt < _EVEN_TRIES else 1)
        schema = min(few, key=lambda item: counts[item.db_id])
        row = _write_row(rng, schema, intent, phrasing)
        if row is not None and row["question"].lower() not in seen:
            counts[schema.db_id] += 1
            return row
    return None


def _write_row(
    rng: random.Random, schema: Schema, intent: Intent, phrasing: Phrasing
) -> dict[str, str] | None:
    binder = Binder(rng, schema, LiteralWriter(rng, schema), phrasing.text)
    try:
        slots = binder.bind(intent.needs)
    except NoFitError:
        return None
    if phrasing.people_only:
        table = slots[intent.needs[0][0][0]].table
        if table is None or not table.is_people:
            return None
    sql = intent.sql.format(**slots)
    return {
        "question": finish_sentence(phrasing.text.format(**slots)),
        "context": write_context(rng, schema, binder.used, sql),
        "answer": sql,
        "db_id": schema.db_id,
        "template": phrasing.template,
        "kind": intent.kind,
    }
