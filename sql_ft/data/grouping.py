"""Which rows belong to the same database, for data that does not say (no `db_id`).

A context lists only the columns that its answer uses, so its text tells no database.
Table names do, with two exceptions that this module handles: a few names (``customers``,
``student``) occur in many databases and chain all of them into one, and WikiSQL's
``table_name_12`` carries an invented number. The rule, and what it was measured to do,
is in docs/design/split.md.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sql_ft.data.ddl_names import table_names

PLACEHOLDER_GROUP = "placeholder_tables"
"""Rows whose table names are invented; they may train but never evaluate."""

AMBIGUOUS = "ambiguous_tables"
ISOLATED = "isolated_tables"
NO_TABLE = "no_table"

MAX_GROUP_SHARE = 0.10
"""Largest share of the distinct contexts that may hang together by table names."""

MAX_GROUP_FLOOR = 100
"""A group of at most this many distinct contexts is never cut, however small the data."""

ISOLATED_MAX_TABLES = 3
ISOLATED_MAX_CONTEXTS = 12
ISOLATED_SIZE_SHARE = 0.25
"""A group of at most `ISOLATED_MAX_TABLES` tables and `ISOLATED_MAX_CONTEXTS` distinct
contexts, and at most this share of the typical group's size, is taken for a fragment of
another database."""

_PLACEHOLDER = re.compile(r"table_name_\d+")
_SERIAL = re.compile(r"table_\d+(?:_\d+)*")


@dataclass(frozen=True, slots=True)
class SchemaGrouping:
    """What the clustering found.

    Attributes:
        groups: Group of each context, in the order given; "" where none can be told.
        reasons: Why a group is "": `AMBIGUOUS`, `ISOLATED` or `NO_TABLE`; else "".
        tables: Group of every table name that has one; "" for names that occur in
            several databases. Hand it back as `known_tables` to keep assignments.
    """

    groups: list[str]
    reasons: list[str]
    tables: dict[str, str]


def assign_schema_groups(contexts: Sequence[str]) -> list[str]:
    """Return a group for each context; "" where the context does not tell its database.

    The result depends on the set of contexts only, not on their order or repetition.
    """
    return infer_schema_groups(contexts).groups


def infer_schema_groups(
    contexts: Sequence[str], known_tables: Mapping[str, str] | None = None
) -> SchemaGrouping:
    """Cluster contexts into databases by the table names that they share.

    Args:
        contexts: CREATE TABLE texts, one a row.
        known_tables: `SchemaGrouping.tables` of earlier data. These names keep their
            group; a new table joins the one known group it occurs together with.
    """
    known = dict(known_tables or {})
    names_of = {text: table_names(text) for text in set(contexts)}
    distinct = sorted({tuple(sorted(names)) for names in names_of.values()})
    weights = Counter(tuple(sorted(names)) for names in names_of.values())
    named = {names: weights[names] for names in distinct if names and not _is_anonymous(names)}
    limit = max(
        MAX_GROUP_FLOOR,
        int(MAX_GROUP_SHARE * sum(n for k, n in named.items() if not all(map(_is_serial, k)))),
    )
    fresh = {names: tuple(name for name in names if name not in known) for names in named}
    components, shared = _cut_components(named, fresh, limit)
    tables = {**known, **dict.fromkeys(shared, "")}
    tables.update(_name_components(components, named, known))
    isolated = _find_isolated(named, tables, known)
    labels = {names: _label(names, tables, isolated) for names in distinct}
    pairs = [labels[tuple(sorted(names_of[text]))] for text in contexts]
    return SchemaGrouping(
        groups=[group for group, _ in pairs],
        reasons=[reason for _, reason in pairs],
        tables={name: group for name, group in sorted(tables.items()) if group not in isolated},
    )


def is_placeholder(name: str) -> bool:
    """True for a table name with an invented number, which says nothing."""
    return _PLACEHOLDER.fullmatch(name) is not None


def _is_serial(name: str) -> bool:
    return _SERIAL.fullmatch(name) is not None


def _is_anonymous(names: Iterable[str]) -> bool:
    return any(is_placeholder(name) for name in names)


def _label(
    names: tuple[str, ...], tables: Mapping[str, str], isolated: frozenset[str]
) -> tuple[str, str]:
    if not names:
        return "", NO_TABLE
    if _is_anonymous(names):
        return (PLACEHOLDER_GROUP, "") if all(map(is_placeholder, names)) else ("", AMBIGUOUS)
    groups = {tables[name] for name in names} - {""}
    if len(groups) != 1:
        return "", AMBIGUOUS
    (group,) = groups
    return ("", ISOLATED) if group in isolated else (group, "")


def _cut_components(
    weights: Mapping[tuple[str, ...], int],
    fresh: Mapping[tuple[str, ...], tuple[str, ...]],
    limit: int,
) -> tuple[list[frozenset[str]], set[str]]:
    """Split the names into connected components of at most `limit` contexts each.

    While a component is larger, the name that most shortest paths run through
    (betweenness: Freeman 1977, Brandes 2001) is taken for a name that several databases
    share, and no longer links.

    Returns:
        The components, and the names taken out.
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(sorted({name for names in fresh.values() for name in names}))
    graph.add_edges_from(
        sorted({(a, b) for names in fresh.values() for a in names for b in names if a < b})
    )
    contexts_of: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for names, new in fresh.items():
        for name in new:
            contexts_of[name].add(names)

    done: list[frozenset[str]] = []
    shared: set[str] = set()
    queue = [frozenset(part) for part in networkx.connected_components(graph)]
    while queue:
        part = queue.pop()
        touching = set().union(*(contexts_of[name] for name in part))
        if len(part) < 3 or sum(weights[names] for names in touching) <= limit:
            done.append(part)
            continue
        hub = _most_between(graph, part)
        shared.add(hub)
        rest = graph.subgraph(part - {hub})
        queue.extend(frozenset(piece) for piece in networkx.connected_components(rest))
    return sorted(done, key=min), shared


def _most_between(graph: Any, part: frozenset[str]) -> str:
    import networkx

    # A fresh graph in sorted order: the sampled pivots depend on node order.
    inner = networkx.Graph()
    inner.add_nodes_from(sorted(part))
    inner.add_edges_from(sorted(tuple(sorted(edge)) for edge in graph.subgraph(part).edges))
    score = networkx.betweenness_centrality(inner, k=min(len(inner), 200), seed=0)
    return max(sorted(map(str, score)), key=lambda name: float(score[name]))


def _name_components(
    components: Sequence[frozenset[str]],
    named: Iterable[tuple[str, ...]],
    known: Mapping[str, str],
) -> dict[str, str]:
    """Give each component the known group it occurs with, else its smallest table name."""
    component_of = {name: index for index, part in enumerate(components) for name in part}
    neighbours: defaultdict[int, set[str]] = defaultdict(set)
    for names in named:
        groups = {known[name] for name in names if known.get(name)}
        for name in names:
            if name in component_of:
                neighbours[component_of[name]] |= groups
    tables: dict[str, str] = {}
    for index, part in enumerate(components):
        beside = neighbours[index]
        if len(beside) > 1:
            # Tables that occur with two earlier groups are shared names from now on.
            group = ""
        else:
            group = next(iter(beside)) if beside else f"tables:{min(part)}"
        tables.update(dict.fromkeys(part, group))
    return tables


def _find_isolated(
    weights: Mapping[tuple[str, ...], int], tables: Mapping[str, str], known: Mapping[str, str]
) -> frozenset[str]:
    """Return groups too small to be a database of their own in this data."""
    members: defaultdict[str, set[str]] = defaultdict(set)
    for name, group in tables.items():
        members[group].add(name)
    size: Counter[str] = Counter()
    for names, weight in weights.items():
        groups = {tables[name] for name in names} - {""}
        if len(groups) == 1 and not all(map(_is_serial, names)):
            size[next(iter(groups))] += weight
    if not size:
        return frozenset()
    # The size of the group that the median context is in.
    middle = sum(size.values()) / 2
    typical = 0
    for value in sorted(size.values()):
        middle -= value
        typical = value
        if middle <= 0:
            break
    kept = set(known.values())
    return frozenset(
        group
        for group, count in size.items()
        if group not in kept
        and len(members[group]) <= ISOLATED_MAX_TABLES
        and count <= min(ISOLATED_MAX_CONTEXTS, ISOLATED_SIZE_SHARE * typical)
    )
