"""Questions about one table."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

from sql_ft.assets.tiny_base_build import frames, lexicon, phrases
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.query_tree import Item
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Column, Database, Table

NUMBER_WORDS = {
    2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
}  # fmt: skip


def label_columns(table: Table) -> list[Column]:
    """Columns that name a row, best first."""
    names = table.of_kind("name")
    plain = [c for c in names if c.phrases[0].split()[-1] in ("name", "title")]
    return plain or names


def identity_extra(rng: random.Random, source: qt.Source, taken: list[Column]) -> list[qt.Expr]:
    """The key or the name of a row, whichever is not already shown."""
    table = source.table
    options = [c for c in [*label_columns(table)[:1], *([table.key] if table.key else [])]
               if c not in taken]  # fmt: skip
    return [qt.Col(source, rng.choice(options))] if options else []


def shown_columns(rng: random.Random, table: Table, *, ids: float = 0.12) -> list[Column]:
    """Columns a question could ask for: mostly a label, perhaps others."""
    candidates = [
        c for c in table.columns if c.kind != "fk" and (c.kind != "id" or rng.random() < ids)
    ]
    if not candidates:
        candidates = table.columns
    count = min(rng.choices((1, 2, 3, 4), (0.58, 0.29, 0.1, 0.03))[0], len(candidates))
    labels = label_columns(table)
    if labels and rng.random() < 0.45:
        rest = [c for c in candidates if c is not labels[0]]
        return [labels[0], *rng.sample(rest, min(count - 1, len(rest)))]
    return rng.sample(candidates, count)


def say_columns(rng: random.Random, columns: list[Column]) -> str:
    """The columns as a list of phrases."""
    return phrases.enumerate_words(rng, [phrases.say_column(rng, c) for c in columns])


def pluralize_said(rng: random.Random, said: str, columns: list[Column]) -> str:
    """Plural of a one-column phrase, most of the time."""
    if len(columns) == 1 and rng.random() < 0.6 and " of " not in said and "_" not in said:
        return lexicon.plural_of(said)
    return said


def say_order(rng: random.Random, said: str, descending: bool) -> str:
    """The end of a sentence that asks for an order."""
    if descending:
        return rng.choice((
            f"in descending order of {said}", f"sorted by {said} in descending order",
            f"ordered by {said} from highest to lowest", f"sorted by {said} descending",
            f"from the highest {said} to the lowest", f"by decreasing {said}",
            f"in decreasing order of {said}", f"ranked by {said}, largest first",
            f"with the highest {said} first", f"starting with the largest {said}", f"biggest {said} first",
        f"arranged from most to least {said}", f"so that the top {said} comes first", f"{said} going down",
        f"by {said}, highest to lowest", f"in reverse order of {said}", f"listed by falling {said}",
        ))  # fmt: skip
    return rng.choice((
        f"in ascending order of {said}", f"sorted by {said}", f"ordered by {said}",
        f"ordered by {said} from lowest to highest", f"sorted by {said} in ascending order",
        f"by increasing {said}", f"in order of {said}", f"with the lowest {said} first",
        f"sorted by {said} ascending", f"in increasing order of {said}", f"smallest {said} first",
        f"starting with the smallest {said}", f"arranged by {said}", f"by {said}, lowest to highest",
        f"so that the lowest {said} comes first", f"{said} going up", f"listed by rising {said}",
    ))  # fmt: skip


def with_tail(question: str, tail: str) -> str:
    """Append a clause before the final mark."""
    mark = question[-1] if question[-1] in ".?" else ""
    return f"{question.rstrip('.?')}{',' if len(tail) > 30 else ''} {tail}{mark}"


def _filter_count(rng: random.Random) -> int:
    return rng.choices((0, 1, 2, 3), (0.22, 0.55, 0.2, 0.03))[0]


def listing(rng: random.Random, db: Database, style: Style) -> Item | None:
    """Columns of the rows that satisfy conditions; at times distinct, ordered, limited."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    conds, said = phrases.conditions(rng, style, source, _filter_count(rng))
    query = qt.Query([], source, where=qt.conjunction(conds))
    roll = rng.random()
    if roll < 0.07:
        query.select = [qt.Star()]
        np = phrases.noun(rng, table, said)
        return Item(frames.ask_all_details(rng, np), query, [], "details")
    labels = label_columns(table)
    if roll < 0.2 and labels:
        query.select = [qt.Col(source, labels[0])]
        if style.chatty and rng.random() < 0.5:
            query.select = [qt.Star()]
        question = frames.ask_which(rng, table.many, said, table.person)
        return Item(
            question, query, [(e, 0.5) for e in identity_extra(rng, source, labels[:1])], "which"
        )
    columns = shown_columns(rng, table)
    query.select = [qt.Col(source, c) for c in columns]
    what = pluralize_said(rng, say_columns(rng, columns), columns)
    if len(columns) == 1 and columns[0].kind == "text" and rng.random() < 0.5:
        query.distinct = True
        what = f"{rng.choice(('distinct', 'different', 'unique', 'distinct'))} {what}"
    question = frames.ask_for(rng, what, phrases.noun(rng, table, said))
    extras = [(e, 0.38) for e in identity_extra(rng, source, columns)] if not query.distinct else []
    if rng.random() < 0.2:
        orderable = table.of_kind("number", "year", "date", "name", "text")
        if orderable:
            key = rng.choice(orderable)
            descending = rng.random() < 0.5
            query.order_by = [(qt.Col(source, key), descending)]
            tail = say_order(rng, phrases.say_column(rng, key), descending)
            if key.kind in ("name", "text") and not descending and rng.random() < 0.5:
                key_said = phrases.say_column(rng, key)
                tail = rng.choice(("in alphabetical order of ", "alphabetically by ")) + key_said
            question = with_tail(question, tail)
            if key not in columns and not query.distinct:
                extras.append((qt.Col(source, key), 0.6))
    return Item(question, query, extras, "listing")


def counting(rng: random.Random, db: Database, style: Style) -> Item | None:
    """How many rows, or how many different values."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    conds, said = phrases.conditions(rng, style, source, _filter_count(rng))
    query = qt.Query([qt.Agg("COUNT")], source, where=qt.conjunction(conds))
    texts = table.of_kind("text", "name", "fk")
    if texts and rng.random() < 0.3:
        column = rng.choice(texts)
        query.select = [qt.Agg("COUNT", qt.Col(source, column), distinct=True)]
        word = rng.choice(("different", "distinct", "unique"))
        what = f"{word} {lexicon.plural_of(phrases.say_column(rng, column))}"
        tail = rng.choice(("among the", "for", "of", "of the", "across all"))
        question = frames.ask_count(rng, what, f"{tail} {phrases.noun(rng, table, said)}")
        return Item(question, query, [], "count_distinct")
    if table.key and rng.random() < style.count_column:
        query.select = [qt.Agg("COUNT", qt.Col(source, table.key))]
    return Item(frames.ask_count(rng, table.many, said), query, [], "count")


def aggregate(rng: random.Random, db: Database, style: Style) -> Item | None:
    """One to three aggregates of one table."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    numbers = table.of_kind("number", "year", "date")
    if not numbers:
        return None
    conds, said = phrases.conditions(rng, style, source, rng.choice((0, 0, 1, 1, 2)))
    query = qt.Query([], source, where=qt.conjunction(conds))
    column = rng.choice(numbers)
    functions = rng.sample(
        ("AVG", "SUM", "MAX", "MIN"), rng.choices((1, 2, 3), (0.6, 0.28, 0.12))[0]
    )
    if column.kind != "number":
        functions = [f for f in functions if f in ("MAX", "MIN")] or ["MAX"]
    words = [frames.aggregate_word(rng, f, column.kind) for f in functions]
    query.select = [qt.Agg(f, qt.Col(source, column)) for f in functions]
    column_said = phrases.say_column(rng, column)
    if column.kind == "number" and functions == ["AVG"] and rng.random() < 0.12:
        digits = rng.randint(0, 3)
        query.select = [qt.Round(query.select[0], digits)]
        words = [f"average (rounded to {digits} decimal places)"]
    what = f"{phrases.enumerate_words(rng, words)} {column_said}"
    if (
        len(functions) == 1
        and column.kind == "number"
        and isinstance(query.select[0], qt.Agg)
        and (rng.random() < 0.2)
    ):
        np = phrases.noun(rng, table, said)
        return Item(frames.order_value(rng, functions[0], column_said, np), query, [], "aggregate")
    if len(functions) == 1 and len(numbers) > 1 and rng.random() < 0.25:
        other = rng.choice([c for c in numbers if c is not column])
        function = rng.choice(
            ("AVG", "SUM", "MAX", "MIN") if other.kind == "number" else ("MAX", "MIN")
        )
        query.select.append(qt.Agg(function, qt.Col(source, other)))
        word = frames.aggregate_word(rng, function, other.kind)
        what += f" and {rng.choice(('', 'the '))}{word} {phrases.say_column(rng, other)}"
    elif rng.random() < 0.1:
        query.select.insert(0, qt.Agg("COUNT"))
        verb = frames.command(rng)
        question = rng.choice((
            f"How many {phrases.noun(rng, table, said)} are there and what is the {what}?",
            frames.close(f"{verb} the number and the {what} of {phrases.noun(rng, table, said)}", verb),
        ))  # fmt: skip
        return Item(question, query, [], "aggregate")
    return Item(frames.ask_value(rng, what, phrases.noun(rng, table, said)), query, [], "aggregate")


def _measure(rng: random.Random, source: qt.Source, style: Style) -> tuple[qt.Expr, str, str]:
    """(expression, wording, wording of its order): a count or an aggregate of a source."""
    table = source.table
    numbers = table.of_kind("number")
    if not numbers or rng.random() < 0.5:
        count: qt.Expr = qt.Agg("COUNT")
        if table.key and rng.random() < style.count_column:
            count = qt.Agg("COUNT", qt.Col(source, table.key))
        words = rng.choice((f"number of {table.many}", f"count of {table.many}",
                            f"total number of {table.many}", f"number of {table.many}"))  # fmt: skip
        return count, words, rng.choice((table.many, f"number of {table.many}"))
    column = rng.choice(numbers)
    function = rng.choice(("AVG", "SUM", "MAX", "MIN", "AVG", "SUM"))
    word = frames.aggregate_word(rng, function, column.kind)
    said = phrases.say_column(rng, column)
    return qt.Agg(function, qt.Col(source, column)), f"{word} {said}", f"{word} {said}"


def grouping(rng: random.Random, db: Database, style: Style) -> Item | None:
    """A measure for each value of a column; HAVING, ORDER BY and LIMIT at times."""
    source = qt.Source(rng.choice(db.tables))
    table = source.table
    groups = table.of_kind("text", "flag", "year") or table.of_kind("fk", "name")
    dates = table.of_kind("date")
    if not groups and not dates:
        return None
    group_expr: qt.Expr
    if dates and (not groups or rng.random() < 0.35):
        column = rng.choice(dates)
        month = rng.random() < 0.3
        group_expr = qt.YearOf(qt.Col(source, column), month)
        group_said = f"{'month' if month else 'year'} of {phrases.say_column(rng, column)}"
    else:
        column = rng.choice(groups)
        group_expr = qt.Col(source, column)
        group_said = phrases.say_column(rng, column)
    measure, measure_said, measured = _measure(rng, source, style)
    conds, said = phrases.conditions(rng, style, source, rng.choice((0, 0, 0, 1)))
    query = qt.Query(
        [group_expr, measure], source, where=qt.conjunction(conds), group_by=[group_expr]
    )
    if rng.random() < 0.2:
        query.select.reverse()
    roll = rng.random()
    suffix = f" {rng.choice(('among', 'of', 'for'))} {table.many} {said}" if said else ""
    if roll < 0.45:
        if isinstance(measure, qt.Agg) and measure.function == "COUNT" and rng.random() < 0.35:
            np = phrases.noun(rng, table, said)
            question = rng.choice((
                f"How many {np} are there for each {group_said}?", f"How many {np} does each {group_said} have?",
                f"Count the {np} in each {group_said}.", f"How many {np} per {group_said}?",
                f"How many {np} are in each {group_said}?", f"For each {group_said}, how many {np} are there?",
                f"For each {group_said}, count the {np}.", f"How do the {np} split by {group_said}?",
                f"Split the {np} by {group_said} and count them.", f"How many {np} fall under each {group_said}?",
                f"Count {np} by {group_said}.", f"Number of {np} by {group_said}?", f"Distribution of {np} over {group_said}?",
                f"Sort the {np} into groups by {group_said} and say how many are in each.",
            ))  # fmt: skip
        else:
            question = frames.ask_per(rng, measure_said + suffix, group_said)
        if rng.random() < 0.22:
            descending = rng.random() < 0.6
            query.order_by = [(measure, descending)]
            question = with_tail(question, say_order(rng, f"the {measured}", descending))
        return Item(question, query, [], "group")
    query.select = [group_expr]
    np = phrases.noun(rng, table, said)
    if roll < 0.72:
        return _group_extreme(rng, query, measure, measured, group_said, np)
    return _group_having(rng, query, measure, measured, group_said, np)


def _group_extreme(
    rng: random.Random, query: qt.Query, measure: qt.Expr, measured: str, group_said: str, np: str
) -> Item:
    """The value of a column with the largest or smallest measure."""
    most = rng.random() < 0.72
    count = isinstance(measure, qt.Agg) and measure.function == "COUNT"
    top = 1 if rng.random() < 0.8 else rng.randint(2, 10)
    query.order_by, query.limit = [(measure, most)], top
    verb = frames.command(rng)
    if count:
        word = rng.choice(("most", "most", "largest number of", "highest number of")) if most else (
            rng.choice(("fewest", "least", "smallest number of", "lowest number of")))  # fmt: skip
        target = f"the {word} {np}"
        common = rng.choice(("most common", "most frequent", "most popular") if most
                            else ("least common", "rarest", "least frequent"))  # fmt: skip
    else:
        word = rng.choice(("highest", "largest", "greatest") if most else ("lowest", "smallest"))
        target = f"the {word} {measured}"
        common = ""
    if top > 1:
        many = lexicon.plural_of(group_said)
        number = NUMBER_WORDS.get(top, str(top)) if rng.random() < 0.4 else str(top)
        question = rng.choice((
            frames.close(f"{verb} the {number} {many} with {target}", verb),
            f"Which {number} {many} have {target}?", f"What are the top {number} {many} by {measured}?"
            if most else f"What are the {number} {many} with {target}?",
        ))  # fmt: skip
    elif common and rng.random() < 0.4:
        question = rng.choice((
            f"What is the {common} {group_said} of {np}?", f"Which {group_said} is the {common} among {np}?",
            frames.close(f"{verb} the {common} {group_said} across all {np}", verb),
            f"What is the {common} {group_said} for {np}?",
        ))  # fmt: skip
    else:
        question = rng.choice((
            f"Which {group_said} has {target}?", f"What is the {group_said} with {target}?",
            frames.close(f"{verb} the {group_said} with {target}", verb), f"Which {group_said} have {target}?",
            frames.close(f"{verb} the {group_said} that has {target}", verb),
            f"In which {group_said} do we find {target}?", f"Name the {group_said} with {target}.",
            f"Comparing {lexicon.plural_of(group_said)}, which one has {target}?",
            f"Look at each {group_said}: which has {target}?", f"The {group_said} with {target}, please.",
            f"Where is {target} found, by {group_said}?",
        ))  # fmt: skip
    if rng.random() < 0.2:
        query.select = [*query.select, measure]
        return Item(and_also(rng, question, measured), query, [], "group_extreme")
    return Item(question, query, [(measure, 0.62)], "group_extreme")


def and_also(rng: random.Random, question: str, measured: str) -> str:
    """The question with a request to show the measure too."""
    said = measured
    if rng.random() < 0.5:
        tail = rng.choice((f"and the {said}", f"together with the {said}", f"plus the {said}",
                           f"along with the {said} of each", f"and say what the {said} is"))  # fmt: skip
        return with_tail(question, tail)
    tail = rng.choice((f"Include the {said}.", f"Show the {said} too.", f"Give the {said} as well.",
                       f"Add the {said} next to it.", "Show that figure too."))  # fmt: skip
    return f"{question} {tail}"


def threshold_words(rng: random.Random, limit: str) -> tuple[str, str]:
    """An operator and its wording."""
    return rng.choice((
        (">", f"more than {limit}"), (">", f"over {limit}"), (">", f"greater than {limit}"),
        (">=", f"at least {limit}"), (">=", f"{limit} or more"), (">=", f"no fewer than {limit}"),
        ("<", f"fewer than {limit}"), ("<", f"less than {limit}"), ("=", f"exactly {limit}"),
        ("<=", f"at most {limit}"), (">", f"above {limit}"), ("<", f"below {limit}"),
    ))  # fmt: skip


def _group_having(
    rng: random.Random, query: qt.Query, measure: qt.Expr, measured: str, group_said: str, np: str
) -> Item:
    """The values of a column whose measure passes a threshold."""
    count = isinstance(measure, qt.Agg) and measure.function == "COUNT"
    limit = str(rng.choice((1, 2, 2, 3, 3, 4, 5, 10))) if count else str(rng.randint(2, 5000))
    operator, words = threshold_words(rng, limit)
    query.having = qt.Compare(measure, operator, qt.Lit(limit, True))
    many = lexicon.plural_of(group_said)
    verb = frames.command(rng)
    if count:
        tail = f"{words} {np}"
        question = rng.choice((
            f"Which {many} have {tail}?", frames.close(f"{verb} the {many} with {tail}", verb),
            frames.close(f"{verb} all {many} that have {tail}", verb), f"What are the {many} with {tail}?",
            frames.close(f"{verb} the {many} shared by {tail}", verb), f"Which {many} have {tail}?",
            f"Which {many} appear for {tail}?", f"What are the {many} that have {tail}?",
            f"In which {many} are there {tail}?", f"Keep only the {many} with {tail} and list them.",
            f"Which {many} come up for {tail}?", f"Group {np} by {group_said} and keep groups of {words}.",
            f"Limit the {many} to those having {tail}.", f"For which {many} do we find {tail}?",
            f"{many[:1].upper()}{many[1:]} with {tail}, please.", f"Name every {group_said} that has {tail}.",
        ))  # fmt: skip
    else:
        question = rng.choice((
            f"Which {many} have a {measured} of {words}?", f"Which {many} have {measured} {words}?",
            frames.close(f"{verb} the {many} whose {measured} is {words}", verb),
            f"What are the {many} with a {measured} {words}?",
            f"For which {many} is the {measured} {words}?", f"Keep the {many} where the {measured} is {words}.",
            f"Name each {group_said} whose {measured} comes to {words}.",
            f"Work out the {measured} by {group_said} and show the {many} where it is {words}.",
            f"Group by {group_said}; which groups have a {measured} {words}?",
        ))  # fmt: skip
    if rng.random() < 0.25:
        query.select = [*query.select, measure]
        return Item(and_also(rng, question, measured), query, [], "group_having")
    return Item(question, query, [(measure, 0.5)], "group_having")
