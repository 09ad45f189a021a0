"""Questions about rows that have, or lack, linked rows."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, phrases
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.intents_linked import joined_columns, label_of, pick_link
from sql_ft.assets.tiny_base_build.intents_single import (
    pluralize_said,
    say_columns,
    shown_columns,
)
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Database


def presence(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Parents that have, or lack, children (of a certain sort)."""
    picked = pick_link(rng, db)
    if picked is None:
        return None
    child_table, link = picked
    child, parent = qt.Source(child_table), qt.Source(link.parent)
    key, foreign = joined_columns(child, link, parent)
    conds, said = phrases.conditions(rng, style, child, rng.choice((0, 0, 1)), plural=True)
    absent = rng.random() < 0.68
    own, own_said = phrases.conditions(rng, style, parent, 1 if rng.random() < 0.15 else 0)
    many = f"{child_table.many} {said}".strip()
    who = rng.choice(("who", "that")) if parent.table.person else rng.choice(("that", "which"))
    counted = rng.random() < 0.25
    columns = shown_columns(rng, parent.table)[:2]
    select: list[qt.Expr] = [qt.Agg("COUNT")] if counted else [qt.Col(parent, c) for c in columns]
    query = qt.Query(select, parent)
    nested = qt.Query([foreign], child, where=qt.conjunction(conds))
    form = style.absence if absent else style.membership
    if form == "except" and (counted or own):
        form = "not in"
    if form == "left join" and conds:
        form = "not in"
    if form in ("in", "not in"):
        query.where = qt.conjunction([*own, qt.InSet(key, nested, negated=absent)])
    elif form in ("exists", "not exists"):
        if parent.table is child_table:
            return None
        linked = [qt.Compare(foreign, "=", key), *conds]
        nested = qt.Query([qt.Lit("1", True)], child, where=qt.conjunction(linked))
        query.where = qt.conjunction([*own, qt.Exists(nested, negated=absent)])
        child.qualified = parent.qualified = True
    elif form == "join":
        query.joins = [qt.Join(child, key, foreign)]
        query.where = qt.conjunction([*own, *conds])
        query.distinct = not counted
        if counted:
            query.select = [qt.Agg("COUNT", key, distinct=True)]
    elif form == "left join":
        query.joins = [qt.Join(child, key, foreign, outer=True)]
        query.where = qt.conjunction([*own, qt.IsNull(foreign)])
    else:
        inner_parent = qt.Source(parent.table)
        left, right = qt.Col(inner_parent, link.parent_column), foreign
        second = qt.Query([qt.Col(inner_parent, c) for c in columns], inner_parent,
                          [qt.Join(child, left, right)], qt.conjunction(conds))  # fmt: skip
        query.set_operation = ("EXCEPT", second)
    if absent:
        rel = rng.choice((f"{who} have no {many}", f"without any {many}", f"{who} do not have any {many}",
                          f"with no {many}", f"{who} never had any {many}", f"without {many}",
                          f"{who} are not linked to any {many}", f"lacking {many}",
                          f"for which no {child_table.one} {said} exists".replace("  ", " "),
                          f"not tied to a single {child_table.one} {said}".strip(),
                          f"with zero {many}", f"that {child_table.many} {said} never mention".replace("  ", " "),
                          f"missing from the {many}", f"{who} have not one {child_table.one} {said}".strip(),
                          f"not appearing in any {child_table.one} record {said}".strip()))  # fmt: skip
    else:
        rel = rng.choice((f"{who} have at least one {child_table.one} {said}".strip(), f"with {many}",
                          f"{who} have {many}", f"with any {many}", f"{who} have some {many}",
                          f"for which some {child_table.one} {said} exists".replace("  ", " "),
                          f"{who} show up among the {many}", f"that occur in {many}",
                          f"tied to one or more {many}", f"{who} have one or more {many}",
                          f"linked to at least one {child_table.one} {said}".strip()))  # fmt: skip
    if own_said:
        rel = f"{own_said} {rng.choice(('and', 'but'))} {rel}"
    if counted:
        return Item(frames.ask_count(rng, parent.table.many, rel), query, [], "presence_count")
    what = pluralize_said(rng, say_columns(rng, columns), columns)
    extras: list[tuple[qt.Expr, float]] = []
    key_column = parent.table.key
    plain = not query.distinct and query.set_operation is None
    if plain and key_column is not None and key_column not in columns:
        extras = [(qt.Col(parent, key_column), 0.4)]
    if columns == [label_of(rng, parent.table)] and rng.random() < 0.4:
        question = frames.ask_which(rng, parent.table.many, rel, parent.table.person)
    else:
        question = frames.ask_for(rng, what, f"{parent.table.many} {rel}")
    return Item(question, query, extras, "absence" if absent else "presence")
