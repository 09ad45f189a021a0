"""Questions that need both a link and a comparison, and the table of all intents."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random
from collections.abc import Callable

from sql_ft.assets.tiny_base_build import (
    frames,
    intents_chain,
    intents_compare,
    intents_linked,
    intents_presence,
    phrases,
)
from sql_ft.assets.tiny_base_build import intents_more as more
from sql_ft.assets.tiny_base_build import intents_single as single
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Database


def joined_extreme(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Columns of one table for the extreme row of a linked one."""
    pairs = db.pairs()
    if not pairs:
        return None
    child_table, link = rng.choice(pairs)
    child, parent = qt.Source(child_table), qt.Source(link.parent)
    main, other = (child, parent) if rng.random() < 0.4 else (parent, child)
    keys = other.table.of_kind("number", "date", "year")
    if not keys:
        return None
    key = rng.choice(keys)
    most = rng.random() < 0.65
    columns = single.shown_columns(rng, main.table)[:2]
    join = qt.Join(
        child, qt.Col(parent, link.parent_column), qt.Col(child, link.column)
    )  # fmt: skip
    query = qt.Query([qt.Col(main, c) for c in columns], parent, [join])
    key_ref = qt.Col(other, key)
    top = 1 if main is parent or rng.random() < 0.5 else None
    if top is None or rng.random() < style.extreme_subquery:
        inner = qt.Source(other.table)
        nested = qt.Query([qt.Agg("MAX" if most else "MIN", qt.Col(inner, key))], inner)
        query.where = qt.Compare(key_ref, "=", nested)
    else:
        query.order_by, query.limit = [(key_ref, most)], 1
    words = intents_compare.extreme_words(rng, key, most)
    np = intents_compare.superlative_noun(rng, words, other.table.one)
    link_word = rng.choice(("of", "for", "linked to", "associated with", "with", "related to"))
    what = single.say_columns(rng, columns)
    noun = main.table.one if top else main.table.many
    question = frames.ask_for(rng, what, f"{noun} {link_word} the {np}", one=bool(top))
    return Item(question, query, [(key_ref, 0.62)], "join_extreme")


def joined_sets(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Parents linked to children of two sorts at once, or of one sort but not the other."""
    pairs = db.pairs()
    if not pairs:
        return None
    child_table, link = rng.choice(pairs)
    parent_table = link.parent
    comparable = child_table.of_kind("text", "name", "number", "year")
    labels = single.label_columns(parent_table) or parent_table.of_kind("text", "id")
    if not comparable or not labels:
        return None
    column = rng.choice(comparable)
    halves = []
    for _ in range(2):
        child, parent = qt.Source(child_table), qt.Source(parent_table)
        cond, said = phrases.condition(rng, style, child, column)
        join = qt.Join(child, qt.Col(parent, link.parent_column), qt.Col(child, link.column))
        halves.append((qt.Query([qt.Col(parent, labels[0])], parent, [join], cond), said))
    (query, said1), (second, said2) = halves
    operation = rng.choices(("INTERSECT", "EXCEPT", "UNION"), (0.55, 0.33, 0.12))[0]
    query.set_operation = (operation, second)
    many, children = parent_table.many, child_table.many
    who = rng.choice(("who", "that")) if parent_table.person else "that"
    label = phrases.say_column(rng, labels[0])
    if operation == "INTERSECT":
        tail = rng.choice((f"{who} have both {children} {said1} and {children} {said2}",
                           f"with {children} {said1} and also {children} {said2}",
                           f"linked to {children} {said1} as well as {children} {said2}"))  # fmt: skip
    elif operation == "EXCEPT":
        tail = rng.choice((f"{who} have {children} {said1} but no {children} {said2}",
                           f"with {children} {said1} but without {children} {said2}",
                           f"linked to {children} {said1} and not to any {said2}"))  # fmt: skip
    else:
        tail = rng.choice((f"{who} have {children} {said1} or {children} {said2}",
                           f"with either {children} {said1} or {children} {said2}"))  # fmt: skip
    question = frames.ask_for(rng, label, f"{many} {tail}")
    return Item(question, query, [], "join_sets")


def nested_in_filter(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Children compared with the average of all, shown with their parents."""
    pairs = db.pairs()
    if not pairs:
        return None
    child_table, link = rng.choice(pairs)
    numbers = child_table.of_kind("number")
    if not numbers:
        return None
    key = rng.choice(numbers)
    child, parent, inner = qt.Source(child_table), qt.Source(link.parent), qt.Source(child_table)
    labels = single.label_columns(link.parent) or link.parent.of_kind("text")
    if not labels:
        return None
    above = rng.random() < 0.65
    nested = qt.Query([qt.Agg("AVG", qt.Col(inner, key))], inner)
    where = qt.Compare(qt.Col(child, key), ">" if above else "<", nested)
    join = qt.Join(child, qt.Col(parent, link.parent_column), qt.Col(child, link.column))
    distinct = rng.random() < 0.6
    query = qt.Query([qt.Col(parent, labels[0])], parent, [join], where, distinct=distinct)
    side = rng.choice(("above", "greater than", "higher than") if above
                      else ("below", "less than", "lower than"))  # fmt: skip
    said, key_said = phrases.say_column(rng, labels[0]), phrases.say_column(rng, key)
    word = rng.choice(("distinct ", "different ", "")) if distinct else ""
    np = rng.choice((
        f"{link.parent.many} with {child_table.many} whose {key_said} is {side} the average",
        f"{link.parent.many} that have a {child_table.one} with {key_said} {side} the average",
        f"{link.parent.many} with a {child_table.one} whose {key_said} is {side} average",
    ))  # fmt: skip
    extras: list[tuple[qt.Expr, float]] = [] if distinct else [(qt.Col(child, key), 0.5)]
    return Item(frames.ask_for(rng, f"{word}{said}", np), query, extras, "join_average")


Intent = Callable[[random.Random, Database, Style], Item | None]

_ONE_TABLE: tuple[tuple[Intent, float], ...] = (
    (single.listing, 0.26), (single.counting, 0.12), (single.aggregate, 0.11),
    (single.grouping, 0.16), (intents_compare.extreme, 0.1),
    (intents_compare.versus_average, 0.04), (intents_compare.set_operation, 0.05),
    (intents_compare.arithmetic, 0.05), (more.richer_group, 0.05), (more.by_month, 0.03),
    (more.versus_subset, 0.035), (more.distinct_pairs, 0.015),
)  # fmt: skip
_LINKED: tuple[tuple[Intent, float], ...] = (
    (intents_linked.joined_listing, 0.26), (intents_linked.joined_value, 0.15),
    (intents_linked.per_parent, 0.24), (intents_presence.presence, 0.15),
    (intents_chain.through_link, 0.09), (joined_extreme, 0.05), (joined_sets, 0.04),
    (nested_in_filter, 0.02), (more.keys_of_two, 0.04), (more.merged_names, 0.02),
    (more.parents_of_extreme_group, 0.02),
)  # fmt: skip


def draw_item(rng: random.Random, db: Database, style: Style) -> Item:
    """A random question about `db` with its query tree."""
    linked = any(t.links for t in db.tables)
    for _ in range(40):
        table = _LINKED if linked and rng.random() < 0.62 else _ONE_TABLE
        functions, weights = zip(*table, strict=True)
        item: Item | None = rng.choices(functions, weights)[0](rng, db, style)
        if item is not None:
            item.question = frames.add_noise(rng, " ".join(item.question.split()))
            return item
    style_db = db.tables[0]
    source = qt.Source(style_db)
    query = qt.Query([qt.Agg("COUNT")], source)
    return Item(frames.ask_count(rng, style_db.many, ""), query, [], "count")
