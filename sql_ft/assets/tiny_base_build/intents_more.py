"""Further families: two-column groups, months, keys of two tables, comparisons with a subset."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, phrases
from sql_ft.assets.tiny_base_build import intents_single as single
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.lexicon import plural_of
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Database


def richer_group(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Groups by two columns, several measures per group, or different values per group."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    texts, numbers = table.of_kind("text", "flag", "year"), table.of_kind("number")
    if not texts:
        return None
    first = rng.choice(texts)
    others = [c for c in texts if c is not first]
    key = qt.Col(source, first)
    said = phrases.say_column(rng, first)
    conds, cond_said = phrases.conditions(rng, style, source, rng.choice((0, 0, 0, 1)))
    many = phrases.noun(rng, table, cond_said)
    verb = frames.command(rng)
    roll = rng.random()
    if roll < 0.33 and others:
        second = rng.choice(others)
        both = [key, qt.Col(source, second)]
        query = qt.Query([*both, qt.Agg("COUNT")], source, group_by=list(both))
        pair = f"{said} and {phrases.say_column(rng, second)}"
        question = rng.choice((
            f"How many {many} are there for each combination of {pair}?",
            f"For each pair of {pair}, how many {many} are there?",
            frames.close(f"{verb} every combination of {pair} with its number of {many}", verb),
            f"What is the number of {many} per {pair}?", f"Count {many} for every {pair}.",
        ))  # fmt: skip
    elif roll < 0.6 and (others or table.of_kind("name")):
        second = rng.choice(others or table.of_kind("name"))
        query = qt.Query([key, qt.Agg("COUNT", qt.Col(source, second), distinct=True)], source,
                         group_by=[key])  # fmt: skip
        what = f"{rng.choice(('distinct', 'different', 'unique'))} {plural_of(phrases.say_column(rng, second))}"
        question = rng.choice((
            f"How many {what} of {many} does each {said} have?", f"For each {said}, how many {what} do the {many} have?",
            frames.ask_per(rng, f"number of {what} of the {many}", said),
        ))  # fmt: skip
    elif numbers:
        column = rng.choice(numbers)
        ref, number_said = qt.Col(source, column), phrases.say_column(rng, column)
        functions = rng.sample(("AVG", "MIN", "MAX", "SUM"), 2)
        measures: list[qt.Expr] = [qt.Agg(f, ref) for f in functions]
        words = [frames.aggregate_word(rng, f, "number") for f in functions]
        what = f"{words[0]} and {words[1]} {number_said}"
        if rng.random() < 0.45:
            measures = [qt.Agg("COUNT"), measures[0]]
            what = f"number of {table.many} and the {words[0]} {number_said}"
        query = qt.Query([key, *measures], source, group_by=[key])
        suffix = f" of the {many}" if cond_said else ""
        question = frames.ask_per(rng, what + suffix, said)
    else:
        return None
    query.where = qt.conjunction(conds)
    return Item(question, query, [], "richer_group")


def by_month(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Rows of a month of any year."""
    source = qt.Source(rng.choice(db.tables))
    dates = source.table.of_kind("date")
    if not dates:
        return None
    column = rng.choice(dates)
    month = rng.randint(1, 12)
    ref = qt.Col(source, column)
    said = phrases.say_column(rng, column)
    number = f"{month:02d}"
    condition: qt.Condition = qt.Compare(qt.MonthOf(ref), "=", qt.Lit(number, False))
    name = phrases.MONTH_NAMES[month - 1]
    tail = rng.choice((
        f"whose {said} is in {name}", f"with a {said} in {name} of any year",
        f"whose {said} falls in the month of {name}", f"with {said} in {name}",
        f"where the month of the {said} is {name}",
    ))  # fmt: skip
    table = source.table
    if rng.random() < 0.35:
        query = qt.Query([qt.Agg("COUNT")], source, where=condition)
        return Item(frames.ask_count(rng, table.many, tail), query, [], "month_count")
    columns = single.shown_columns(rng, table)[:2]
    query = qt.Query([qt.Col(source, c) for c in columns], source, where=condition)
    what = single.pluralize_said(rng, single.say_columns(rng, columns), columns)
    return Item(frames.ask_for(rng, what, f"{table.many} {tail}"), query, [(ref, 0.4)], "month")


def keys_of_two(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Keys found in one table and (not) in the other, by a set operation."""
    pairs = db.pairs()
    if not pairs:
        return None
    child_table, link = rng.choice(pairs)
    parent, child = qt.Source(link.parent), qt.Source(child_table)
    key, foreign = qt.Col(parent, link.parent_column), qt.Col(child, link.column)
    operation = rng.choice(("EXCEPT", "INTERSECT"))
    conds, said = phrases.conditions(rng, style, parent, rng.choice((0, 0, 1)))
    inner, inner_said = phrases.conditions(rng, style, child, rng.choice((0, 0, 1)))
    second = qt.Query([foreign], child, where=qt.conjunction(inner))
    query = qt.Query([key], parent, where=qt.conjunction(conds), set_operation=(operation, second))
    ids = plural_of(link.parent_column.phrases[0])
    children = f"{child_table.many} {inner_said}".strip()
    own = f"{link.parent.many} {said}".strip()
    who = "who" if link.parent.person else "that"
    if operation == "EXCEPT":
        tail = rng.choice((f"that never occur among the {children}", f"without any {children}",
                           f"that do not appear in {children}", f"{who} have no {children}"))  # fmt: skip
    else:
        tail = rng.choice((f"that also occur among the {children}", f"{who} have {children}",
                           f"that appear in {children}", f"with at least one of the {children}"))  # fmt: skip
    return Item(frames.ask_for(rng, ids, f"{own} {tail}"), query, [], "keys_of_two")


def merged_names(rng: random.Random, db: Database, style: Style) -> Item | None:
    """One list out of columns of two tables."""
    if len(db.tables) < 2:
        return None
    first, second = (qt.Source(t) for t in rng.sample(db.tables, 2))
    names = [single.label_columns(s.table) or s.table.of_kind("text") for s in (first, second)]
    if not names[0] or not names[1]:
        return None
    a, b = names[0][0], names[1][0]
    operation = rng.choice(("UNION", "UNION", "UNION ALL", "INTERSECT"))
    other = qt.Query([qt.Col(second, b)], second)
    query = qt.Query([qt.Col(first, a)], first, set_operation=(operation, other))
    said_a = f"{first.table.one} {plural_of(phrases.say_column(rng, a))}"
    said_b = f"{second.table.one} {plural_of(phrases.say_column(rng, b))}"
    verb = frames.command(rng)
    if operation == "INTERSECT":
        question = rng.choice((
            f"Which {said_a} are also {said_b}?", f"What {said_a} also occur among the {said_b}?",
            frames.close(f"{verb} the values that are both {said_a} and {said_b}", verb),
        ))  # fmt: skip
    else:
        tail = ", keeping duplicates" if operation == "UNION ALL" else ""
        question = rng.choice((
            f"{verb} all {said_a} and all {said_b} together{tail}.",
            f"{verb} {said_a} and {said_b} in a single column{tail}.",
            f"Combine the {said_a} with the {said_b}{tail}.",
            f"What are all the {said_a} and {said_b}, merged{tail}?",
        ))  # fmt: skip
    return Item(question, query, [], "merged_names")


def versus_subset(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Rows beyond the average or extreme of a subset, or alike to a named row."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    numbers, texts, labels = (
        table.of_kind("number"),
        table.of_kind("text"),
        single.label_columns(table),
    )
    inner = qt.Source(table)
    columns = single.shown_columns(rng, table)[:2]
    what = single.pluralize_said(rng, single.say_columns(rng, columns), columns)
    query = qt.Query([qt.Col(source, c) for c in columns], source)
    if texts and labels and rng.random() < 0.3:
        shared = rng.choice(texts)
        value = phrases.literal(rng, labels[0])
        nested = qt.Query([qt.Col(inner, shared)], inner,
                          where=qt.Compare(qt.Col(inner, labels[0]), "=", value))  # fmt: skip
        if rng.random() < 0.5:
            query.where = qt.Compare(qt.Col(source, shared), "=", nested)
        else:
            query.where = qt.InSet(qt.Col(source, shared), nested)
        said, name = phrases.say_column(rng, shared), phrases.say_value(rng, value.text, False)
        tail = rng.choice((f"with the same {said} as {name}", f"that share their {said} with {name}",
                           f"whose {said} equals that of {name}", f"having the {said} of {name}"))  # fmt: skip
        return Item(frames.ask_for(rng, what, f"{table.many} {tail}"), query, [], "same_as")
    if not numbers:
        return None
    key = rng.choice(numbers)
    said = phrases.say_column(rng, key)
    conds, cond_said = phrases.conditions(rng, style, inner, rng.choice((1, 1, 0)))
    function, above = rng.choice((("AVG", True), ("AVG", False), ("MAX", True), ("MIN", False)))
    if function != "AVG" and not conds:
        return None
    nested = qt.Query([qt.Agg(function, qt.Col(inner, key))], inner, where=qt.conjunction(conds))
    query.where = qt.Compare(qt.Col(source, key), ">" if above else "<", nested)
    side = rng.choice(("greater than", "higher than", "more than", "above") if above
                      else ("less than", "lower than", "below", "under"))  # fmt: skip
    group = f"{table.many} {cond_said}".strip()
    if function == "AVG":
        tail = rng.choice((f"whose {said} is {side} the average {said} of {group}",
                           f"with {said} {side} the mean {said} of the {group}"))  # fmt: skip
    else:
        each = rng.choice(("every", "all", "any of the"))
        noun = table.one if each == "every" else table.many
        tail = rng.choice((f"whose {said} is {side} that of {each} {noun} {cond_said}",
                           f"with {said} {side} the {'highest' if above else 'lowest'} {said} of {group}"))  # fmt: skip
    extras: list[tuple[qt.Expr, float]] = [] if key in columns else [(qt.Col(source, key), 0.5)]
    return Item(frames.ask_for(rng, what, f"{table.many} {tail}"), query, extras, "versus_subset")


def distinct_pairs(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Different combinations of two or three columns."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    texts = table.of_kind("text", "flag", "year")
    if len(texts) < 2:
        return None
    columns = rng.sample(texts, 2 if len(texts) < 3 or rng.random() < 0.8 else 3)
    conds, said = phrases.conditions(rng, style, source, rng.choice((0, 0, 1)))
    query = qt.Query([qt.Col(source, c) for c in columns], source, where=qt.conjunction(conds),
                     distinct=True)  # fmt: skip
    word = rng.choice(("different", "distinct", "unique"))
    what = f"{word} {rng.choice(('pairs', 'combinations', 'sets'))} of {single.say_columns(rng, columns)}"
    np = phrases.noun(rng, table, said)
    return Item(frames.ask_for(rng, what, np), query, [], "distinct_pairs")


def parents_of_extreme_group(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Children whose parent passes a comparison, by nested membership."""
    pairs = db.pairs()
    if not pairs:
        return None
    child_table, link = rng.choice(pairs)
    numbers = link.parent.of_kind("number")
    if not numbers:
        return None
    key = rng.choice(numbers)
    child, parent, inner = qt.Source(child_table), qt.Source(link.parent), qt.Source(link.parent)
    above = rng.random() < 0.6
    average = qt.Query([qt.Agg("AVG", qt.Col(inner, key))], inner)
    nested = qt.Query([qt.Col(parent, link.parent_column)], parent,
                      where=qt.Compare(qt.Col(parent, key), ">" if above else "<", average))  # fmt: skip
    columns = single.shown_columns(rng, child_table)[:2]
    query = qt.Query([qt.Col(child, c) for c in columns], child,
                     where=qt.InSet(qt.Col(child, link.column), nested))  # fmt: skip
    said = phrases.say_column(rng, key)
    side = "above" if above else "below"
    word = rng.choice(("of", "linked to", "belonging to", "for"))
    tail = rng.choice((f"{word} {link.parent.many} with {'an above' if above else 'a below'}-average {said}",
                       f"{word} {link.parent.many} whose {said} is {side} the average"))  # fmt: skip
    what = single.pluralize_said(rng, single.say_columns(rng, columns), columns)
    return Item(frames.ask_for(rng, what, f"{child_table.many} {tail}"), query, [], "nested_parent")
