"""Questions that follow foreign keys: joins, counts of children, presence and absence."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, phrases
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.intents_single import (
    NUMBER_WORDS,
    and_also,
    label_columns,
    pluralize_said,
    say_columns,
    say_order,
    shown_columns,
    threshold_words,
    with_tail,
)
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Column, Database, Link, Table


def pick_link(rng: random.Random, db: Database) -> tuple[Table, Link] | None:
    """A child table and one of its links; None if nothing is linked."""
    pairs = db.pairs()
    return rng.choice(pairs) if pairs else None


def joined_columns(child: qt.Source, link: Link, parent: qt.Source) -> tuple[qt.Col, qt.Col]:
    """Key of the parent and foreign key of the child."""
    return qt.Col(parent, link.parent_column), qt.Col(child, link.column)


def _from(rng: random.Random, child: qt.Source, link: Link, parent: qt.Source) -> qt.Query:
    """A query over parent and child joined, either first."""
    left, right = joined_columns(child, link, parent)
    if rng.random() < 0.6:
        return qt.Query([], parent, [qt.Join(child, left, right)])
    return qt.Query([], child, [qt.Join(parent, right, left)])


def label_of(rng: random.Random, table: Table) -> Column:
    """The column that names a row of `table`."""
    labels = label_columns(table)
    if labels:
        return labels[0]
    texts = table.of_kind("text", "id")
    return rng.choice(texts or table.columns)


def linked_words(rng: random.Random) -> str:
    """A word between two linked nouns."""
    return rng.choice(("of", "for", "belonging to", "linked to", "associated with", "related to",
                       "connected with", "from", "that belong to", "with"))  # fmt: skip


def _has(rng: random.Random, parent: Table) -> str:
    who = rng.choice(("who", "that")) if parent.person else rng.choice(("that", "which"))
    return rng.choice(("with", f"{who} have", f"{who} have", "having", f"{who} own"))


def joined_listing(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Columns of one or both of two linked tables."""
    picked = pick_link(rng, db)
    if picked is None:
        return None
    child_table, link = picked
    child, parent = qt.Source(child_table), qt.Source(link.parent)
    query = _from(rng, child, link, parent)
    main, other = (child, parent) if rng.random() < 0.6 else (parent, child)
    columns = shown_columns(rng, main.table)[:2]
    main_said = pluralize_said(rng, say_columns(rng, columns), columns)
    word = linked_words(rng)
    select: list[qt.Expr] = [qt.Col(main, c) for c in columns]
    conds: list[qt.Condition] = []
    verb = frames.command(rng)
    if rng.random() < 0.4:
        both = (
            label_of(rng, other.table) if rng.random() < 0.7 else shown_columns(rng, other.table)[0]
        )
        other_said = phrases.say_column(rng, both)
        select.append(qt.Col(other, both))
        if rng.random() < 0.5:
            conds, said = phrases.conditions(rng, style, rng.choice((main, other)), 1)
        else:
            said = ""
        tail = f", for {rng.choice((main.table.many, 'those'))} {said}" if said else ""
        one, its = main.table.one, rng.choice(("its", "the"))
        question = rng.choice((
            f"{verb} the {main_said} of each {one} and the {other_said} of its {other.table.one}{tail}.",
            f"{verb} the {main_said} of the {main.table.many} along with the {other_said} of {its} {other.table.one}{tail}.",
            f"What are the {main_said} of all {main.table.many} and the {other_said} of their {other.table.many}{tail}?",
            f"For each {one}, show the {main_said} and the {other.table.one} {other_said}{tail}.",
            f"{verb} {main.table.many} {main_said} together with {other.table.one} {other_said}{tail}.",
            f"What is the {main_said} of every {one} and the {other_said} of the {other.table.one} it belongs to{tail}?",
        ))  # fmt: skip
    elif main is child and rng.random() < 0.3 and other.table.of_kind(*phrases.COMPARABLE):
        column = rng.choice(other.table.of_kind(*phrases.COMPARABLE))
        cond, said = phrases.condition(rng, style, other, column, owner=other.table.one)
        conds = [cond]
        question = frames.ask_for(rng, main_said, f"{main.table.many} {said}")
    else:
        conds, said = phrases.conditions(rng, style, other, rng.choice((1, 1, 1, 2)))
        if not conds:
            return None
        det = rng.choice(("", "the ", "a ", "any "))
        other_noun = other.table.one if det == "a " or rng.random() < 0.45 else other.table.many
        if main is parent:
            who = _has(rng, main.table)
            np = f"{main.table.many} {rng.choice((who, word))} {det}{other_noun} {said}"
        else:
            np = f"{main.table.many} {word} {det}{other_noun} {said}"
        if rng.random() < 0.2:
            more, more_said = phrases.conditions(rng, style, main, 1)
            if more:
                conds += more
                np = f"{main.table.many} {more_said} {rng.choice(('and', 'that are', ''))} {word} {det}{other_noun} {said}"
        question = frames.ask_for(rng, main_said, np.replace("  ", " "))
        query.distinct = main is parent and rng.random() < 0.35
        if query.distinct and rng.random() < 0.5:
            question = question.replace(main_said, f"distinct {main_said}", 1)
    query.select, query.where = select, qt.conjunction(conds)
    extras: list[tuple[qt.Expr, float]] = []
    if len(select) == len(columns) and not query.distinct:
        extras = [(qt.Col(other, label_of(rng, other.table)), 0.42)]
    if rng.random() < 0.13 and not query.distinct:
        keys = main.table.of_kind("number", "date", "year", "name")
        if keys:
            key, descending = rng.choice(keys), rng.random() < 0.5
            query.order_by = [(qt.Col(main, key), descending)]
            question = with_tail(question, say_order(rng, phrases.say_column(rng, key), descending))
    return Item(question, query, extras, "join")


def joined_value(rng: random.Random, db: Database, style: Style) -> Item | None:
    """A count or an aggregate over rows chosen by a linked table."""
    picked = pick_link(rng, db)
    if picked is None:
        return None
    child_table, link = picked
    child, parent = qt.Source(child_table), qt.Source(link.parent)
    query = _from(rng, child, link, parent)
    comparable = parent.table.of_kind(*phrases.COMPARABLE)
    owned = bool(comparable) and rng.random() < 0.3
    if owned:
        cond, said = phrases.condition(
            rng, style, parent, rng.choice(comparable), owner=parent.table.one
        )
        conds = [cond]
    else:
        conds, said = phrases.conditions(rng, style, parent, rng.choice((1, 1, 2)), plural=False)
    if not conds:
        return None
    word = linked_words(rng)
    det = rng.choice(("the ", "", "a "))
    parent_noun = parent.table.many if not det else parent.table.one
    if rng.random() < 0.25:
        more, more_said = phrases.conditions(rng, style, child, 1)
        conds += more
    else:
        more_said = ""
    query.where = qt.conjunction(conds)
    tail = f"{more_said} {word} {det}{parent_noun} {said}".strip()
    if owned:
        tail = f"{more_said} {said}".strip()
    numbers = child_table.of_kind("number")
    if numbers and rng.random() < 0.55:
        column = rng.choice(numbers)
        function = rng.choice(("AVG", "SUM", "MAX", "MIN", "SUM"))
        query.select = [qt.Agg(function, qt.Col(child, column))]
        if rng.random() < 0.25:
            said_column = phrases.say_column(rng, column)
            question = frames.order_value(rng, function, said_column, f"{child_table.many} {tail}")
            return Item(question, query, [], "join_value")
        what = (
            f"{frames.aggregate_word(rng, function, column.kind)} {phrases.say_column(rng, column)}"
        )
        return Item(
            frames.ask_value(rng, what, f"{child_table.many} {tail}"), query, [], "join_value"
        )
    query.select = [qt.Agg("COUNT")]
    return Item(frames.ask_count(rng, child_table.many, tail), query, [], "join_count")


def per_parent(rng: random.Random, db: Database, style: Style) -> Item | None:
    """A measure of children for each parent; the top few; those past a threshold."""
    picked = pick_link(rng, db)
    if picked is None:
        return None
    child_table, link = picked
    child, parent = qt.Source(child_table), qt.Source(link.parent)
    query = _from(rng, child, link, parent)
    label = label_of(rng, parent.table)
    if rng.random() < 0.15:
        label = rng.choice(parent.table.of_kind("text") or [label])
    shown = [qt.Col(parent, label)]
    said_label = phrases.say_column(rng, label)
    if rng.random() < 0.12 and parent.table.key and label is not parent.table.key:
        shown.insert(0, qt.Col(parent, parent.table.key))
        said_label = f"{phrases.say_column(rng, parent.table.key)} and {said_label}"
    by_key = label.kind == "name" and rng.random() < (0.55 if not style.chatty else 0.35)
    group: qt.Expr = qt.Col(parent, link.parent_column) if by_key else shown[-1]
    if by_key and rng.random() < 0.25:
        group = qt.Col(child, link.column)
    numbers = child_table.of_kind("number")
    measure: qt.Expr
    if numbers and rng.random() < 0.42:
        column = rng.choice(numbers)
        function = rng.choice(("SUM", "AVG", "MAX", "SUM", "MIN"))
        measure = qt.Agg(function, qt.Col(child, column))
        measured = (
            f"{frames.aggregate_word(rng, function, column.kind)} {phrases.say_column(rng, column)}"
        )
        count = False
    else:
        counted = child_table.key if child_table.key and rng.random() < style.count_column else None
        measure = qt.Agg("COUNT", qt.Col(child, counted) if counted else None)
        measured, count = f"number of {child_table.many}", True
    query.group_by = [group]
    if by_key and rng.random() < 0.35:
        query.group_by.append(shown[-1])
    conds, said = phrases.conditions(rng, style, child, rng.choice((0, 0, 0, 1)))
    query.where = qt.conjunction(conds)
    many = f"{child_table.many} {said}".strip()
    roll = rng.random()
    query.select = [*shown, measure]
    if roll < 0.38:
        return _per_parent_listing(
            rng, query, parent.table, child_table, said_label, measured, many, count
        )
    query.select = list(shown)
    return _per_parent_choice(
        rng, query, parent.table, measure, said_label, measured, many, count, said
    )


def _per_parent_listing(
    rng: random.Random, query: qt.Query, parent: Table, child: Table,
    said_label: str, measured: str, many: str, count: bool,
) -> Item:  # fmt: skip
    verb = frames.command(rng)
    one = parent.one
    measure = query.select[-1]
    if count:
        if query.where is None and query.source.table is parent and rng.random() < 0.35:
            query.joins[0].outer = True
            if isinstance(measure, qt.Agg) and measure.argument is None:
                measure = query.select[-1] = qt.Agg("COUNT", query.joins[0].right)
            zero = rng.choice((", including those with none", " (zero included)",
                               ", even if there are none", ", counting zero too"))  # fmt: skip
        else:
            zero = ""
        question = rng.choice((
            f"How many {many} does each {one} have{zero}? Show the {said_label}.",
            f"{verb} the {said_label} of each {one} and the number of {many}{zero}.",
            f"For each {one}, show the {said_label} and the number of {many}{zero}.",
            f"What is the {said_label} and number of {many} of every {one}{zero}?",
            f"Count the {many} of each {one}{zero}, by {said_label}.",
            f"{verb} the number of {many} for each {one} {said_label}{zero}.",
            f"How many {many} are there per {one}{zero}? Give the {said_label} too.",
            f"{verb} every {one}'s {said_label} with its count of {many}{zero}.",
        ))  # fmt: skip
    else:
        suffix = f" of its {many}"
        question = rng.choice((
            f"{verb} the {said_label} of each {one} and the {measured}{suffix}.",
            f"For each {one}, what is the {measured}{suffix}? Show the {said_label}.",
            f"What is the {measured} of the {many} for each {one} {said_label}?",
            f"{verb} each {one} {said_label} together with the {measured} of the {many}.",
            f"For every {one}, show the {said_label} and the {measured} over all its {many}.",
        ))  # fmt: skip
    if rng.random() < 0.22:
        descending = rng.random() < 0.65
        query.order_by = [(measure, descending)]
        question = with_tail(question, say_order(rng, f"the {measured}", descending))
    return Item(question, query, [], "per_parent")


def _per_parent_choice(
    rng: random.Random, query: qt.Query, parent: Table, measure: qt.Expr,
    said_label: str, measured: str, many: str, count: bool, said: str,
) -> Item:  # fmt: skip
    verb = frames.command(rng)
    who = rng.choice(("who", "that")) if parent.person else rng.choice(("that", "which"))
    if rng.random() < 0.55:
        most = rng.random() < 0.75
        top = 1 if rng.random() < 0.7 else rng.randint(2, 10)
        query.order_by, query.limit = [(measure, most)], top
        if count:
            degree = rng.choice(("the most", "the most", "the largest number of", "the highest number of")) if most else (
                rng.choice(("the fewest", "the least", "the smallest number of")))  # fmt: skip
            tail = f"{degree} {many}"
        else:
            degree = rng.choice(
                ("highest", "largest", "greatest") if most else ("lowest", "smallest")
            )
            tail = f"the {degree} {measured}{f' over {many}' if said or rng.random() < 0.4 else ''}"
        kind, extra = "per_parent_extreme", 0.62
        number = (
            ""
            if top == 1
            else (NUMBER_WORDS.get(top, str(top)) if rng.random() < 0.4 else str(top)) + " "
        )
        noun = parent.one if top == 1 else parent.many
        has = "has" if top == 1 else "have"
    else:
        limit = str(rng.choice((1, 2, 2, 3, 4, 5, 10))) if count else str(rng.randint(2, 5000))
        operator, words = threshold_words(rng, limit)
        query.having = qt.Compare(measure, operator, qt.Lit(limit, True))
        tail = f"{words} {many}" if count else f"a {measured} of {words}"
        kind, extra, number, noun, has = "per_parent_having", 0.5, "", parent.many, "have"
    be = "is" if noun == parent.one else "are"
    question = rng.choice((
        f"What {be} the {said_label} of the {number}{noun} with {tail}?",
        frames.close(f"{verb} the {said_label} of the {number}{noun} with {tail}", verb),
        f"Which {number}{noun} {has} {tail}? Return the {said_label}.",
        frames.close(f"{verb} the {said_label} of the {number}{noun} {who} {has} {tail}", verb),
        f"Which {number}{noun} {has} {tail}?",
        frames.close(f"{verb} the {number}{noun} {who} {has} {tail}", verb),
        f"What {be} the {said_label} of the {number}{noun} {who} {has} {tail}?",
        f"By {said_label}, which {number}{noun} {has} {tail}?", f"Name the {number}{noun} {who} {has} {tail}.",
        f"Look for the {number}{noun} with {tail} and give the {said_label}.",
        f"{said_label[:1].upper()}{said_label[1:]} of the {number}{noun} with {tail}, please.",
        f"Going by {measured}, find the {number}{noun} with {tail} and show the {said_label}.",
        f"Pick out the {number}{noun} with {tail}; report the {said_label}.",
    ))  # fmt: skip
    if rng.random() < 0.2:
        query.select = [*query.select, measure]
        return Item(and_also(rng, question, measured), query, [], kind)
    return Item(question, query, [(measure, extra)], kind)
