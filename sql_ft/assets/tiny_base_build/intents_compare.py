"""Questions about one table that compare rows: extremes, averages, sets, arithmetic."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, lexicon, phrases
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.intents_single import (
    NUMBER_WORDS,
    identity_extra,
    label_columns,
    pluralize_said,
    say_columns,
    shown_columns,
)
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Column, Database


def extreme_words(rng: random.Random, column: Column, most: bool) -> str:
    """``oldest`` or ``with the highest age``, without the noun; a leading tilde marks the latter."""
    said = phrases.say_column(rng, column)
    adjectives = lexicon.ADJECTIVES.get(column.phrases[0])
    if adjectives and rng.random() < 0.5:
        return adjectives[0 if most else 1]
    if column.kind in ("date", "year"):
        word = rng.choice(("latest", "most recent") if most else ("earliest", "oldest"))
    else:
        word = rng.choice(("highest", "largest", "greatest", "maximum", "biggest", "most", "top")
                          if most else ("lowest", "smallest", "minimum", "least"))  # fmt: skip
    if word in ("most", "least"):
        said = said.removeprefix("number of ")
    return f"~{rng.choice(('with the', 'with the', 'having the', 'that has the'))} {word} {said}"


def superlative_noun(rng: random.Random, words: str, noun: str, number: int = 1) -> str:
    """The noun phrase of a superlative: ``3 oldest pilots``."""
    count = np_number(rng, number)
    if words.startswith("~"):
        return f"{count}{noun} {words[1:]}"
    return f"{count}{words} {noun}"


def np_number(rng: random.Random, number: int) -> str:
    """``three `` or ``3 ``; nothing for one."""
    if number == 1:
        return ""
    return (NUMBER_WORDS.get(number, str(number)) if rng.random() < 0.4 else str(number)) + " "


def extreme(rng: random.Random, db: Database, style: Style) -> Item | None:
    """The row or the few rows with the largest or smallest value."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    keys = table.of_kind("number", "date", "year")
    if not keys:
        return None
    key = rng.choice(keys)
    most = rng.random() < 0.65
    top = 1 if rng.random() < 0.72 else rng.choice((2, 3, 3, 5, 5, 10, rng.randint(2, 10)))
    columns = [c for c in shown_columns(rng, table) if c is not key] or label_columns(table)[:1]
    if not columns:
        return None
    both = rng.random() < 0.15
    if both:
        columns = [*columns[:2], key]
    conds, said = phrases.conditions(rng, style, source, rng.choice((0, 0, 1)), plural=top > 1)
    query = qt.Query([qt.Col(source, c) for c in columns], source, where=qt.conjunction(conds))
    key_ref = qt.Col(source, key)
    if top == 1 and not conds and rng.random() < style.extreme_subquery:
        inner = qt.Source(table)
        function = "MAX" if most else "MIN"
        nested = qt.Query([qt.Agg(function, qt.Col(inner, key))], inner)
        query.where = qt.Compare(key_ref, "=", nested)
    else:
        query.order_by, query.limit = [(key_ref, most)], top
    noun = table.one if top == 1 else table.many
    np = superlative_noun(rng, extreme_words(rng, key, most), noun, top)
    if said:
        np = f"{np} {rng.choice(('among those', 'of those', 'considering only those'))} {said}"
    what = say_columns(rng, columns)
    roll = rng.random()
    extras: list[tuple[qt.Expr, float]] = [] if both else [(key_ref, 0.62)]
    labels = label_columns(table)
    if columns == labels[:1] and roll < 0.45:
        verb = frames.command(rng)
        be = "is" if top == 1 else "are"
        who = (
            rng.choice(("Who", "Which " + noun))
            if table.person
            else rng.choice(("What", "Which " + noun))
        )
        question = rng.choice((
            f"{who} {be} the {np}?" if not who.startswith("Which") else f"Which {np}?",
            frames.close(f"{verb} the {np}", verb), f"Which {be} the {np}?",
            f"What {be} the {np}?", f"Name the {np}.", f"The {np}, please.", f"Find the {np}.",
        ))  # fmt: skip
    elif rng.random() < 0.25:
        key_said = phrases.say_column(rng, key)
        degree = rng.choice(
            ("highest", "greatest", "largest") if most else ("lowest", "smallest", "least")
        )
        nouns = f"{np_number(rng, top)}{noun}"
        among = f" among those {said}" if said else ""
        comes = "comes" if top == 1 else "come"
        has = "has" if top == 1 else "have"
        question = rng.choice((
            f"Which {nouns} {has} the {degree} {key_said}{among}? Give the {what}.",
            f"Going by {key_said}, which {nouns} {comes} {'first' if most else 'last'}{among}? Show the {what}.",
            f"Rank the {table.many}{among} by {key_said} and return the {what} of the {nouns} with the {degree}.",
            f"Find the {nouns} with the {degree} {key_said}{among} and show the {what}.",
            f"Which {nouns} {comes} out with the {degree} {key_said}{among}? Return the {what}.",
            f"Look for the {nouns} of {degree} {key_said}{among}; report the {what}.",
        ))  # fmt: skip
    else:
        if top > 1:
            what = pluralize_said(rng, what, columns)
        question = frames.ask_for(rng, what, np, one=top == 1)
        extras += [(e, 0.2) for e in identity_extra(rng, source, columns)]
    return Item(question, query, extras, "extreme")


def versus_average(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Rows above or below the average, or equal to an extreme."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    numbers = table.of_kind("number")
    if not numbers:
        return None
    key = rng.choice(numbers)
    above = rng.random() < 0.65
    inner = qt.Source(table)
    nested = qt.Query([qt.Agg("AVG", qt.Col(inner, key))], inner)
    compare: qt.Condition = qt.Compare(qt.Col(source, key), ">" if above else "<", nested)
    key_said = phrases.say_column(rng, key)
    side = rng.choice(("above", "greater than", "higher than", "over", "more than") if above
                      else ("below", "less than", "lower than", "under", "smaller than"))  # fmt: skip
    adjectives = lexicon.ADJECTIVES.get(key.phrases[0])
    said = rng.choice((
        f"whose {key_said} is {side} {rng.choice(('the average', 'average', 'the mean'))}",
        f"with {'an above' if above else 'a below'}-average {key_said}",
        f"with {key_said} {side} the average", f"whose {key_said} is {side} the average {key_said}",
        f"with a {key_said} {side} the average of all {table.many}",
        f"{adjectives[2 if above else 3]} the average" if adjectives
        else f"that have a {key_said} {side} the average",
    ))  # fmt: skip
    parts: list[qt.Condition] = [compare]
    if rng.random() < 0.15:
        more, more_said = phrases.conditions(rng, style, source, 1)
        parts, said = [*more, compare], f"{more_said} and {said}" if more_said else said
    where = qt.conjunction(parts)
    if rng.random() < 0.3:
        query = qt.Query([qt.Agg("COUNT")], source, where=where)
        return Item(frames.ask_count(rng, table.many, said), query, [], "average_count")
    columns = shown_columns(rng, table)
    query = qt.Query([qt.Col(source, c) for c in columns], source, where=where)
    what = pluralize_said(rng, say_columns(rng, columns), columns)
    extras: list[tuple[qt.Expr, float]] = [] if key in columns else [(qt.Col(source, key), 0.5)]
    return Item(frames.ask_for(rng, what, f"{table.many} {said}"), query, extras, "average")


def set_operation(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Values shared by, missing from, or found in either of two groups of rows."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    shown = table.of_kind("text", "name", "fk")
    if not shown:
        return None
    column = rng.choice(shown)
    rest = [c for c in table.of_kind("text", "number", "year", "flag") if c is not column]
    if not rest:
        return None
    first = rng.choice(rest)
    other = first if rng.random() < 0.7 else rng.choice(rest)
    second_source = qt.Source(table)
    cond1, said1 = phrases.condition(rng, style, source, first)
    cond2, said2 = phrases.condition(rng, style, second_source, other)
    operation = rng.choices(("INTERSECT", "EXCEPT", "UNION"), (0.5, 0.33, 0.17))[0]
    second = qt.Query([qt.Col(second_source, column)], second_source, where=cond2)
    query = qt.Query(
        [qt.Col(source, column)], source, where=cond1, set_operation=(operation, second)
    )
    said = phrases.say_column(rng, column)
    many = lexicon.plural_of(said)
    verb = frames.command(rng)
    if operation == "INTERSECT":
        question = rng.choice((
            f"Which {many} have both {table.many} {said1} and {table.many} {said2}?",
            frames.close(f"{verb} the {many} shared by {table.many} {said1} and {table.many} {said2}", verb),
            frames.close(f"{verb} the {many} of both {table.many} {said1} and {table.many} {said2}", verb),
            f"What are the {many} that have {table.many} {said1} as well as {table.many} {said2}?",
            f"Which {many} are common to {table.many} {said1} and those {said2}?",
        ))  # fmt: skip
    elif operation == "EXCEPT":
        if rng.random() < 0.5:
            query.where = None
            question = rng.choice((
                f"Which {many} have no {table.many} {said2}?",
                frames.close(f"{verb} the {many} that do not have any {table.many} {said2}", verb),
                f"What are the {many} without {table.many} {said2}?",
                frames.close(f"{verb} the {many} never found for {table.many} {said2}", verb),
            ))  # fmt: skip
        else:
            question = rng.choice((
                f"Which {many} have {table.many} {said1} but no {table.many} {said2}?",
                frames.close(f"{verb} the {many} of {table.many} {said1} but not of those {said2}", verb),
                f"What are the {many} of {table.many} {said1}, excluding those of {table.many} {said2}?",
            ))  # fmt: skip
    else:
        question = rng.choice((
            f"Which {many} belong to {table.many} {said1} or to {table.many} {said2}?",
            frames.close(f"{verb} the {many} of {table.many} {said1} together with those {said2}", verb),
            f"What are the {many} of {table.many} {said1} and of {table.many} {said2} combined?",
        ))  # fmt: skip
    return Item(question, query, [], "set_operation")


def arithmetic(rng: random.Random, db: Database, style: Style) -> Item | None:
    """A difference, product or ratio of columns or aggregates."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    numbers = table.of_kind("number")
    if not numbers:
        return None
    conds, said = phrases.conditions(rng, style, source, rng.choice((0, 0, 1)))
    np = phrases.noun(rng, table, said)
    where = qt.conjunction(conds)
    a = rng.choice(numbers)
    ref_a = qt.Col(source, a)
    said_a = phrases.say_column(rng, a)
    if len(numbers) == 1 or rng.random() < 0.4:
        query = qt.Query(
            [qt.Arith("-", qt.Agg("MAX", ref_a), qt.Agg("MIN", ref_a))], source, where=where
        )
        what = rng.choice((f"difference between the highest and lowest {said_a}", f"range of {said_a}",
                           f"gap between the maximum and minimum {said_a}", f"spread of the {said_a}"))  # fmt: skip
        return Item(frames.ask_value(rng, what, np), query, [], "arithmetic")
    b = rng.choice([c for c in numbers if c is not a])
    ref_b, said_b = qt.Col(source, b), phrases.say_column(rng, b)
    operator, what = rng.choice((
        ("-", f"difference between {said_a} and {said_b}"), ("+", f"sum of {said_a} and {said_b}"),
        ("*", f"product of {said_a} and {said_b}"), ("*", f"{said_a} times {said_b}"),
        ("*", f"{said_a} multiplied by {said_b}"), ("/", f"ratio of {said_a} to {said_b}"),
        ("-", f"{said_a} minus {said_b}"), ("/", f"{said_a} divided by {said_b}"),
    ))  # fmt: skip
    expr: qt.Expr = qt.Arith(operator, ref_a, ref_b)
    if rng.random() < 0.45:
        function, word = rng.choice((("SUM", "total"), ("AVG", "average"), ("MAX", "highest")))
        query = qt.Query([qt.Agg(function, expr)], source, where=where)
        return Item(frames.ask_value(rng, f"{word} {what}", np), query, [], "arithmetic")
    labels = label_columns(table)
    if not labels:
        return None
    query = qt.Query([qt.Col(source, labels[0]), expr], source, where=where)
    label_said = phrases.say_column(rng, labels[0])
    return Item(frames.ask_for(rng, f"{label_said} and the {what}", np), query, [], "arithmetic")
