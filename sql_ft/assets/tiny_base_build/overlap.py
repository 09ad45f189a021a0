"""What makes two questions the same template, or two schemas the same schema.

Pretraining drops every row whose masked question or whose schema stands in an exclusion
list (`Exclusions`), so that nothing the published figures are measured on was seen.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][\w]*|\d[\d,.\-:/]*")
_CREATE = re.compile(r"CREATE TABLE\s+[\"`]?(\w+)[\"`]?\s*\((.*?)\)\s*(?:;|$)", re.S | re.I)
_QUOTED = re.compile(r"\"([^\"]*)\"|'((?:[^']|'')*)'")
_CONSTRAINTS = ("FOREIGN", "PRIMARY", "UNIQUE", "CHECK", "CONSTRAINT", "REFERENCES")
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "by",
        "to",
        "for",
        "from",
        "with",
        "and",
        "or",
        "not",
        "no",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "who",
        "whose",
        "which",
        "that",
        "what",
        "where",
        "when",
        "how",
        "many",
        "much",
        "each",
        "every",
        "all",
        "any",
        "per",
        "than",
        "more",
        "less",
        "most",
        "least",
        "id",
        "it",
        "its",
        "their",
        "there",
        "i",
        "me",
        "my",
        "we",
        "us",
        "you",
        "show",
        "list",
        "find",
        "give",
        "get",
    ]
)


def tables_of(context: str) -> dict[str, frozenset[str]]:
    """Lower-case table names with their lower-case columns; repeated tables merged."""
    tables: dict[str, frozenset[str]] = {}
    for name, body in _CREATE.findall(context):
        body = re.sub(r"\([^()]*\)", "", body)
        columns = set()
        for entry in body.split(","):
            words = entry.split()
            if words and words[0].upper() not in _CONSTRAINTS:
                columns.add(words[0].strip('"`').lower())
        key = name.lower()
        tables[key] = tables.get(key, frozenset()) | columns
    return tables


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3]
    if len(word) > 4 and word.endswith("es"):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def mask_question(question: str, context: str, sql: str) -> str:
    """The question with literals, numbers and schema words replaced by ``_``.

    A word counts as a schema word if its stem occurs inside any table or column name.
    Runs of masked words become one ``_``; case and punctuation are dropped.
    """
    names = " ".join(f"{t} {' '.join(c)}" for t, c in tables_of(context).items()).lower()
    haystack = names.replace("_", "") + " " + names
    literals = {w for a, b in _QUOTED.findall(sql) for w in (a or b).lower().split()}
    words: list[str] = []
    for token in _WORD.findall(question):
        low = token.lower()
        if not low[0].isalpha() and low[0] != "_":
            masked = True
        elif low in _STOP:
            masked = False
        else:
            masked = low in literals or _stem(low) in haystack or low.replace("_", "") in haystack
        if not masked:
            words.append(low)
        elif not words or words[-1] != "_":
            words.append("_")
    return " ".join(words)


def schema_signatures(context: str) -> set[str]:
    """Signatures of a whole schema, and of each of its tables with three columns or more."""
    tables = tables_of(context)
    whole = ";".join(f"{t}({','.join(sorted(c))})" for t, c in sorted(tables.items()))
    return {whole} | {f"{t}({','.join(sorted(c))})" for t, c in tables.items() if len(c) >= 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Exclusions:
    """Masked questions and schema signatures that must not occur in pretraining."""

    questions: frozenset[str] = frozenset()
    schemas: frozenset[str] = frozenset()

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Exclusions:
        """Collect them from rows with ``question``, ``context`` and ``answer``."""
        questions: set[str] = set()
        schemas: set[str] = set()
        for row in rows:
            questions.add(mask_question(row["question"], row["context"], row["answer"]))
            schemas |= schema_signatures(row["context"])
        return cls(frozenset(questions), frozenset(schemas))

    @classmethod
    def load(cls, path: Path) -> Exclusions:
        """Read what `save` wrote."""
        data = json.loads(gzip.decompress(path.read_bytes()))
        return cls(frozenset(data["questions"]), frozenset(data["schemas"]))

    def save(self, path: Path) -> None:
        """Write as gzipped JSON, sorted: the same content gives the same bytes."""
        data = {"questions": sorted(self.questions), "schemas": sorted(self.schemas)}
        path.write_bytes(gzip.compress(json.dumps(data).encode(), mtime=0))

    def missing_from(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Masked questions and schemas of `rows` that this list does not hold."""
        other = Exclusions.from_rows(rows)
        return sorted((other.questions - self.questions) | (other.schemas - self.schemas))

    def forbids(self, context: str, question: str, sql: str) -> str:
        """Return ``question`` or ``schema`` if the row is excluded, else ""."""
        if not self.questions and not self.schemas:
            return ""
        if self.schemas & schema_signatures(context):
            return "schema"
        return "question" if mask_question(question, context, sql) in self.questions else ""
