"""Questions over three tables: a chain of links, or two parents of one link table."""

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, phrases
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.intents_linked import label_of, linked_words
from sql_ft.assets.tiny_base_build.intents_single import (
    pluralize_said,
    say_columns,
    shown_columns,
)
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Database


def through_link(rng: random.Random, db: Database, style: Style) -> Item | None:
    """A chain or a link table: three tables in one query."""
    options = []
    for middle in db.tables:
        for first in middle.links:
            for second in middle.links:
                if first is not second and first.parent is not second.parent:
                    options.append((first.parent, middle, second.parent, first, second, True))
            for upper in first.parent.links:
                if upper.parent not in (middle, first.parent):
                    options.append((middle, first.parent, upper.parent, first, upper, False))
    if not options:
        return None
    ends = rng.choice(options)
    start, mid, end, first, second, fan = ends
    s, m, e = qt.Source(start), qt.Source(mid), qt.Source(end)
    if fan:
        join1 = qt.Join(m, qt.Col(s, first.parent_column), qt.Col(m, first.column))
    else:
        join1 = qt.Join(m, qt.Col(s, first.column), qt.Col(m, first.parent_column))
    join2 = qt.Join(e, qt.Col(m, second.column), qt.Col(e, second.parent_column))
    query = qt.Query([], s, [join1, join2])
    conds, said = phrases.conditions(rng, style, e, 1, plural=False)
    word = linked_words(rng)
    roll = rng.random()
    verb = frames.command(rng)
    end_label = label_of(rng, end)
    if roll < 0.55 and conds:
        query.where = qt.conjunction(conds)
        tail = f"{word} {rng.choice(('the ', 'a ', ''))}{end.one} {said}"
        if rng.random() < 0.3:
            tail = f"{word} the {mid.many} of {rng.choice(('the ', 'a '))}{end.one} {said}"
        if rng.random() < 0.25:
            query.select = [qt.Agg("COUNT")]
            return Item(frames.ask_count(rng, start.many, tail), query, [], "three_count")
        columns = shown_columns(rng, start)[:2]
        query.select = [qt.Col(s, c) for c in columns]
        what = pluralize_said(rng, say_columns(rng, columns), columns)
        extras: list[tuple[qt.Expr, float]] = [(qt.Col(e, end_label), 0.42)]
        return Item(frames.ask_for(rng, what, f"{start.many} {tail}"), query, extras, "three")
    start_label = label_of(rng, start)
    a, b = phrases.say_column(rng, start_label), phrases.say_column(rng, end_label)
    if roll < 0.78:
        query.select = [qt.Col(s, start_label), qt.Col(e, end_label)]
        question = rng.choice((
            f"{verb} the {a} of each {start.one} and the {b} of the {end.one} it is linked to.",
            f"What are the {start.one} {a} and the {end.one} {b} for every {mid.one}?",
            f"{verb} every {start.one} {a} along with its {end.one} {b}.",
            f"For each {mid.one}, show the {start.one} {a} and the {end.one} {b}.",
        ))  # fmt: skip
        return Item(question, query, [], "three_pairs")
    group = qt.Col(e, end_label)
    query.select, query.group_by = [group, qt.Agg("COUNT")], [group]
    question = rng.choice((
        f"How many {start.many} are there for each {end.one} {b}?",
        f"{verb} each {end.one} {b} and its number of {start.many}.",
        f"For every {end.one}, count the {start.many} and show the {b}.",
        f"What is the number of {start.many} per {end.one} {b}?",
    ))  # fmt: skip
    if rng.random() < 0.35:
        query.select, query.order_by, query.limit = [group], [(qt.Agg("COUNT"), True)], 1
        question = rng.choice((
            f"Which {end.one} has the most {start.many}? Give the {b}.",
            f"What is the {b} of the {end.one} with the largest number of {start.many}?",
            frames.close(f"{verb} the {b} of the {end.one} that has the most {start.many}", verb),
        ))  # fmt: skip
        return Item(question, query, [(qt.Agg("COUNT"), 0.62)], "three_extreme")
    return Item(question, query, [], "three_group")
