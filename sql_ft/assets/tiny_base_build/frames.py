"""Whole sentences around the fragments, and the noise real questions have."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random

_VERBS = (
    "List", "Show", "Give", "Find", "Return", "Display", "Get", "Retrieve", "Report", "Provide",
    "Output", "Fetch", "Select", "Tell me", "Show me", "Give me", "Look up", "Print", "Identify",
    "Please list", "Please show", "Please give", "Could you list", "Can you show", "I need",
    "I want to know", "I would like to see", "Can you tell me", "Could you give me", "Name",
    "Pull up", "Extract", "Collect", "Enumerate", "Work out", "State", "Present", "Let me see",
    "We need", "Help me find", "Write out", "Bring up", "Produce", "Gather", "Pick out", "Dig up",
    "Let us have", "Kindly provide", "I'd like", "Would you list", "I have to see", "Share",
)  # fmt: skip
_POLITE = ("could", "can", "would")


def command(rng: random.Random) -> str:
    """A verb that opens a request."""
    return rng.choice(_VERBS[:14]) if rng.random() < 0.6 else rng.choice(_VERBS)


def close(text: str, opener: str) -> str:
    """Add the final mark that fits the opening word."""
    return text + ("?" if opener.split()[0].lower() in _POLITE else ".")


def ask_for(rng: random.Random, what: str, of: str, *, one: bool = False) -> str:
    """Ask for columns `what` of the rows `of` (plural unless `one`)."""
    roll = rng.random()
    be = "is" if one else "are"
    if roll < 0.22:
        det = "the " if one else rng.choice(("the ", "all ", "", "those "))
        do, their = ("does", "its") if one else ("do", "their")
        big = what[:1].upper() + what[1:]
        return rng.choice((
            f"Take {det}{of}. What {be} {their} {what}?", f"Looking only at {det}{of}, give the {what}.",
            f"A list of the {what} of {det}{of}, please.", f"{big} of {det}{of}, please.",
            f"From {det}{of}, pull out the {what}.", f"Of {det}{of}, show the {what}.",
            f"What {what} can be found for {det}{of}?", f"Think of {det}{of}: what {be} {their} {what}?",
            f"We are after the {what} of {det}{of}.", f"I am interested in {det}{of}; show me {their} {what}.",
            f"Go through {det}{of} and note the {what}.", f"What {what} {do} {det}{of} come with?",
            f"{big} for {det}{of}?", f"Under what {what} {be} {det}{of} kept?",
            f"Restrict yourself to {det}{of} and report the {what}.",
            f"Let's see {det}{of}, only the {what}.", f"Pick {det}{of} and print the {what}.",
            f"Consider {det}{of}. Return the {what}.", f"{big} wanted for {det}{of}.",
            f"Which {what} go with {det}{of}?", f"Search for {det}{of} and give back the {what}.",
            f"Show {det}{of} by {what}.", f"Find {det}{of} and tell me the {what}.",
            f"Find {det}{of}; I only need the {what}.", f"Find {det}{of} and display {their} {what}.",
        ))  # fmt: skip
    roll = rng.random()
    if roll < 0.5:
        verb = command(rng)
        det = (
            "the " if one else rng.choice(("all ", "the ", "all the ", "", "", "every one of the "))
        )
        prep = rng.choice(("of", "of", "of", "for", "from"))
        return close(f"{verb} the {what} {prep} {det}{of}", verb)
    det = "the " if one else rng.choice(("the ", "all ", "", "", "all the "))
    return rng.choice((
        f"What {be} the {what} of {det}{of}?", f"What {be} the {what} of {det}{of}?",
        f"What {be} the {what} for {det}{of}?", f"For {det}{of}, what {be} the {what}?",
        f"For {det}{of}, show the {what}.", f"What {what} {'does' if one else 'do'} {det}{of} have?",
        f"Which {what} {'belongs' if one else 'belong'} to {det}{of}?",
        f"I am looking for the {what} of {det}{of}.", f"{of}: {what}?",
        f"Considering {det}{of}, list the {what}.", f"Who or what {be} the {what} of {det}{of}?"
        if rng.random() < 0.1 else f"What {be} {det}{of}'s {what}?" if one
        else f"Return the {what} of {det}{of}.",
    ))  # fmt: skip


def ask_which(rng: random.Random, many: str, said: str, person: bool) -> str:
    """Ask for the rows themselves, naming no column."""
    np = f"{many} {said}".strip()
    verb = command(rng)
    return rng.choice((
        f"Which {many} are there {said}?" if said.startswith(("with", "whose", "from", "in"))
        else f"Which are the {np}?",
        close(f"{verb} all {np}", verb), close(f"{verb} the {np}", verb),
        close(f"{verb} {np}", verb), f"Who are the {np}?" if person else f"What are the {np}?",
        f"Which {np}?", close(f"{verb} every detail of the {np}", verb),
    )).replace(" ?", "?")  # fmt: skip


def ask_all_details(rng: random.Random, np: str) -> str:
    """Ask for every column."""
    verb = command(rng)
    return rng.choice((
        close(f"{verb} all the information about {np}", verb), close(f"{verb} all columns of {np}", verb),
        close(f"{verb} every detail of {np}", verb), close(f"{verb} all details for {np}", verb),
        f"What are all the details of {np}?", close(f"{verb} the full records of {np}", verb),
        f"What do we know about {np}?", close(f"{verb} the complete rows for {np}", verb),
    ))  # fmt: skip


def ask_count(rng: random.Random, many: str, said: str) -> str:
    """Ask how many rows there are."""
    np = f"{many} {said}".strip()
    verb = command(rng)
    if rng.random() < 0.3:
        options = [
            f"Number of {np}?", f"I want a count of the {np}.", f"Give me a tally of {np}.",
            f"Tell me how many {np} you can find.", f"How many {np} can be counted?",
            f"What does the number of {np} come to?", f"How many {np} are on record?",
            f"{np[:1].upper()}{np[1:]}: how many?", f"What is the size of the group of {np}?",
            f"Work out how many {np} exist.", f"How often do we see {np}?", f"Total {np}?",
            f"How big is the set of {np}?", f"A count of the {np}, please.", f"Sum up the {np} in one number.",
        ]  # fmt: skip
        if said:
            options += [
                f"Of all {many}, how many are {said}?" if said.startswith(("from", "in ", "based", "older"))
                else f"Of all {many}, how many are there {said}?",
                f"Among the {many}, how many can be found {said}?",
                f"Take the {many} {said}: how many is that?", f"Looking at {np}, how many are there?",
            ]  # fmt: skip
        return rng.choice(options)
    tail = " are there" if not said or rng.random() < 0.3 else ""
    return rng.choice((
        f"How many {np}{tail}?", f"How many {many} are there {said}?".replace(" ?", "?"),
        close(f"{verb} the number of {np}", verb), f"What is the number of {np}?",
        close(f"Count the {np}", "Count"), f"What is the total number of {np}?",
        close(f"{verb} the total count of {np}", verb), close(f"{verb} how many {np} exist", verb),
        f"Count how many {np} there are.", f"How many {np} do we have?", f"How many {np} exist?",
        f"What's the count of {np}?", f"How large is the number of {np}?",
    ))  # fmt: skip


_AGGREGATE_WORDS = {
    "AVG": ("average", "average", "mean", "typical average"),
    "SUM": ("total", "total", "sum of the", "combined", "overall", "summed"),
    "MAX": ("maximum", "highest", "largest", "greatest", "biggest", "top"),
    "MIN": ("minimum", "lowest", "smallest", "least"),
}


def aggregate_word(rng: random.Random, function: str, kind: str) -> str:
    """A word for an aggregate of a column of `kind`."""
    if kind in ("date", "year"):
        if function == "MAX":
            return rng.choice(("latest", "most recent", "maximum", "last"))
        if function == "MIN":
            return rng.choice(("earliest", "oldest", "minimum", "first"))
    return rng.choice(_AGGREGATE_WORDS[function])


_AGGREGATE_ORDERS = {
    "AVG": ("Average out the {c} over {n}.", "On average, what is the {c} of {n}?", "What {c} do {n} have on average?",
            "What is a typical {c} for {n}, taking the mean?"),
    "SUM": ("Add up the {c} of {n}.", "What does the {c} of {n} add up to?", "What {c} do {n} have in total?",
            "How much {c} do {n} have altogether?", "Summing over {n}, what is the {c}?"),
    "MAX": ("How high does the {c} get for {n}?", "What is the {c} of {n} at its peak?", "What is the top value of {c} for {n}?",
            "Up to what {c} do {n} go?"),
    "MIN": ("How low does the {c} get for {n}?", "What is the bottom value of {c} for {n}?", "At what {c} do {n} start?",
            "What {c} do {n} have at the very least?"),
}  # fmt: skip


def order_value(rng: random.Random, function: str, column: str, of: str) -> str:
    """Ask for one aggregate of one column with a verb of its own."""
    det = rng.choice(("the ", "", "all ", "these "))
    return rng.choice(_AGGREGATE_ORDERS[function]).format(c=column, n=f"{det}{of}")


def ask_value(rng: random.Random, what: str, of: str) -> str:
    """Ask for one computed value: ``the average age`` of some rows."""
    verb = command(rng)
    if rng.random() < 0.25:
        return rng.choice((
            f"Taking {of} together, what is the {what}?", f"Work out the {what} for {of}.",
            f"The {what} of {of}, please.", f"What {what} do we get for {of}?",
            f"Take all {of} and compute the {what}.", f"What does the {what} of {of} come to?",
            f"Over all {of}, what is the {what}?", f"Looking at {of}, how much is the {what}?",
            f"I need one figure: the {what} of {of}.", f"{what[:1].upper()}{what[1:]} of {of}, please.",
            f"Among {of}, what is the {what}?", f"For {of} as a group, report the {what}.",
        ))  # fmt: skip
    det = rng.choice(("all ", "the ", "", "all the "))
    return rng.choice((
        f"What is the {what} of {det}{of}?", f"What is the {what} for {det}{of}?",
        close(f"{verb} the {what} of {det}{of}", verb), close(f"{verb} the {what} for {det}{of}", verb),
        f"What is the {what} across {det}{of}?", f"Compute the {what} of {det}{of}.",
        f"Calculate the {what} over {det}{of}.", f"How much is the {what} of {det}{of}?",
        f"What's the {what} among {det}{of}?", f"For {det}{of}, what is the {what}?",
        f"Determine the {what} of {det}{of}.", f"{what} of {of}?",
    ))  # fmt: skip


def ask_per(rng: random.Random, what: str, group: str) -> str:
    """Ask for something for each value of a group."""
    verb = command(rng)
    if rng.random() < 0.3:
        return rng.choice((
            f"What {what} does each {group} come with?", f"Show the {what} broken down per {group}.",
            f"Against each {group}, put the {what}.", f"Go {group} by {group} and give the {what}.",
            f"Split everything by {group} and work out the {what}.", f"{group[:1].upper()}{group[1:]} and {what}, please.",
            f"Next to every {group}, write its {what}.", f"The {what} of every single {group}, please.",
            f"A table of {group} against {what}.", f"Take each {group} in turn: what is the {what}?",
            f"List every {group} once, followed by the {what}.", f"Sort the rows into {group} groups and give the {what} of each.",
            f"How do the {group} groups differ in {what}?", f"Report {what} separately for each {group}.",
            f"Summarise the {what} at the level of {group}.", f"Depending on the {group}, what is the {what}?",
        ))  # fmt: skip
    each = rng.choice(
        ("for each", "for every", "per", "by", "in each", "of each", "for the different")
    )
    group_said = group
    return rng.choice((
        f"What is the {what} {each} {group_said}?", close(f"{verb} the {what} {each} {group_said}", verb),
        f"For each {group}, what is the {what}?", f"For each {group}, show the {what}.",
        close(f"{verb} each {group} and its {what}", verb), f"For every {group}, find the {what}.",
        close(f"{verb} each {group} together with the {what}", verb), f"Per {group}, what is the {what}?",
        close(f"{verb} the {what}, grouped by {group}", verb), f"Break down the {what} by {group}.",
        close(f"{verb} the {group} and the corresponding {what}", verb),
        f"Group by {group} and report the {what}.", f"How does the {what} split by {group}?",
        f"What are the different {group} values and the {what} of each?",
        f"What is the {what} in each {group}?", close(f"{verb} {group} with {what}", verb),
    ))  # fmt: skip


_OPENERS = (
    "Hi, ", "Hello. ", "Quick question: ", "For a report, ", "I was wondering: ", "Using the tables, ",
    "From the data, ", "Based on the schema, ", "Question: ", "Write a query: ", "In SQL, ",
)  # fmt: skip


def add_noise(rng: random.Random, question: str) -> str:
    """Vary case, punctuation and openings, as people do."""
    roll = rng.random()
    if roll < 0.06:
        question = question.lower()
    elif roll < 0.1:
        question = question[:1].lower() + question[1:]
    if rng.random() < 0.06:
        question = question.rstrip("?.")
    elif rng.random() < 0.02:
        question = question.rstrip("?.") + " ?"
    if rng.random() < 0.03:
        question = rng.choice(_OPENERS) + question[:1].lower() + question[1:]
    return question
