"""Values of real rows for generated databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from sql_ft.execution.pools import Pool, derive_pool
from sql_ft.execution.tables import Schema
from sql_ft.execution.usage import Key

_REAL_VALUES = 7
_OWN_FILLERS = 2


def seed_pools(
    pools: dict[Key, Pool],
    schema: Schema,
    rows: Mapping[str, Sequence[tuple[Any, ...]]],
    rng: Random,
) -> None:
    """Let most fillers of each pool be values that its columns really hold.

    Predictions name values of the real database that the gold does not (another spelling,
    another category); on invented words alone they would all be equally absent. Columns
    that share a pool, because they are joined, keep sharing it.
    """
    shared: dict[int, tuple[Pool, dict[Any, None]]] = {}
    for table in schema.tables:
        for place, column in enumerate(table.columns):
            pool = pools[table.name.casefold(), column.name.casefold()]
            if pool.type != column.type:
                continue
            _, values = shared.setdefault(id(pool), (pool, {}))
            values |= dict.fromkeys(
                row[place] for row in rows.get(table.name, ()) if row[place] is not None
            )
    derived = [(pool, values) for pool, values in shared.values() if pool.source is not None]
    for pool, values in shared.values():
        if pool.source is not None:
            continue
        known = set(pool.hits) | set(pool.near)
        real = [value for value in values if value not in known]
        if len(real) > 1:
            chosen = rng.sample(real, min(_REAL_VALUES, len(real)))
            pool.fillers = [*chosen, *pool.fillers[:_OWN_FILLERS]]
    for pool, _ in derived:
        assert pool.source is not None
        again = derive_pool(pool.source, pool.type)
        pool.hits, pool.near, pool.fillers = again.hits, again.near, again.fillers
