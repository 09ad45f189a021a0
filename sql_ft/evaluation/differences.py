"""Which tokens of one SQL text another one lacks, for a reader."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

MAX_COMPARED = 40_000
"""Pairs of tokens up to which differences are looked for one by one (difflib is cubic)."""

_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+|\s+|[^\w\s]")


def mark_differences(reference: str, text: str) -> list[tuple[str, bool]]:
    """Cut `text` into pieces, each with whether `reference` lacks it.

    Tokens are compared without regard to letter case outside quotes; white space
    never differs.
    """
    before = [_fold(t) for t in _TOKENS.findall(reference) if not t.isspace()]
    after = _TOKENS.findall(text)
    solid = [i for i, token in enumerate(after) if not token.isspace()]
    new = {solid[j] for j in _unmatched(before, [_fold(after[i]) for i in solid])}
    # White space between two marked tokens is marked too: one mark reads better.
    marked = (
        i in new or (token.isspace() and i - 1 in new and i + 1 in new)
        for i, token in enumerate(after)
    )
    runs = itertools.groupby(zip(after, marked, strict=True), key=lambda pair: pair[1])
    return [("".join(token for token, _ in run), is_new) for is_new, run in runs]


def _unmatched(before: Sequence[str], after: Sequence[str]) -> Iterator[int]:
    """Places of `after` that no longest matching block covers."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > MAX_COMPARED:
        # A hostile prediction must not keep the report waiting: all that differs is marked.
        yield from range(start, start + len(new))
        return
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, _, _, first, last in matcher.get_opcodes():
        if tag in ("replace", "insert"):
            yield from range(start + first, start + last)


def _fold(token: str) -> str:
    return token if token[0] in "'\"" else token.casefold()
