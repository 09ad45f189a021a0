"""WikiSQL, and one half of Spider's databases: rows, and schemas for the grammar.

Sources (see the model card for hashes and licences): Zhong et al. 2017 (WikiSQL),
Yu et al. 2018 (Spider), both in the form sql-create-context gives them.
"""

from __future__ import annotations

import collections
import dataclasses
import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sql_ft.assets.tiny_base_build import lexicon as lx
from sql_ft.assets.tiny_base_build.documents import Row
from sql_ft.assets.tiny_base_build.literals import invented_word
from sql_ft.assets.tiny_base_build.schemas import (
    Column,
    Database,
    Link,
    Table,
    draw_database,
)

WIKISQL_FILE = "rebuilt_wikisql_train.jsonl.gz"
SPIDER_ROWS_FILE = "rebuilt_spider_train.jsonl"
SPIDER_QUESTIONS_FILE = "train_spider.json"
SPIDER_TABLES_FILE = "tables.json"
INPUT_FILES = (WIKISQL_FILE, SPIDER_ROWS_FILE, SPIDER_QUESTIONS_FILE, SPIDER_TABLES_FILE)

_LITERAL = re.compile(r"\"([^\"]*)\"|'([^']*)'|(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])")
_CONDITION = re.compile(r"(\w+) (?:=|>|<) (?:\"([^\"]*)\"|(-?\d+(?:\.\d+)?))")
_TABLE = re.compile(r"CREATE TABLE (\w+) \(([^)]*)\)")


def spider_db_in_pretraining(db_id: str) -> bool:
    """Whether a Spider database may be used here; the other half is kept for evaluation."""
    return int(hashlib.sha256(db_id.encode()).hexdigest(), 16) % 2 == 0


@dataclasses.dataclass(frozen=True, slots=True)
class SourceRow:
    """A public row before augmentation: tables with (column, type) pairs, and `spare` columns."""

    tables: tuple[tuple[str, tuple[str, ...]], ...]
    question: str
    sql: str
    kind: str
    spare: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True)
class PublicData:
    """Everything read from the input files."""

    wikisql: list[SourceRow]
    spider: list[SourceRow]
    wikisql_tables: list[list[Column]]
    spider_databases: list[Database]
    values: list[str]
    words: list[str]

    @classmethod
    def empty(cls) -> PublicData:
        """No public data: the grammar alone."""
        return cls([], [], [], [], [], [])


def _parse_context(context: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (n, tuple(c.strip() for c in body.split(","))) for n, body in _TABLE.findall(context)
    )


def _words_of(identifier: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", identifier).replace("_", " ")
    return " ".join(spaced.split()).lower()


def _read_wikisql(path: Path) -> tuple[list[SourceRow], list[list[Column]], list[str]]:
    raw: list[dict[str, str]] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        raw.extend(json.loads(line) for line in lines)
    columns: dict[str, dict[str, str]] = {}
    values: dict[tuple[str, str], set[str]] = {}
    numeric: dict[tuple[str, str], bool] = {}
    for row in raw:
        seen = columns.setdefault(row["table_id"], {})
        for _, body in _TABLE.findall(row["context"]):
            for entry in body.split(","):
                name, _, kind = entry.strip().partition(" ")
                if kind == "INTEGER" or name not in seen:
                    seen[name] = kind
        for name, text, number in _CONDITION.findall(row["answer"]):
            key = (row["table_id"], name)
            values.setdefault(key, set()).add(text or number)
            numeric[key] = numeric.get(key, True) and bool(number)
    rows = [
        SourceRow(_parse_context(r["context"]), r["question"], r["answer"], "wikisql",
                  tuple(f"{c} {k}" for c, k in columns[r["table_id"]].items()))
        for r in raw
    ]  # fmt: skip
    tables: list[list[Column]] = []
    pool: set[str] = set()
    for table_id, listed in columns.items():
        made = []
        for name, kind in listed.items():
            key = (table_id, name)
            found = tuple(sorted(values.get(key, ())))
            is_number = numeric.get(key, kind == "INTEGER")
            said = _words_of(name)
            if not said or not name[0].isalpha():
                continue
            column_kind = "number" if is_number else "name" if "name" in said else "text"
            if is_number and "year" in said:
                column_kind = "year"
            if not is_number:
                pool.update(v for v in found if 2 < len(v) < 30)
            made.append(Column(name, (said,), column_kind, found))
        if len(made) >= 2:
            tables.append(made)
    return rows, tables, sorted(pool)


def _read_spider_schema(entry: dict[str, Any], rng: random.Random, pool: list[str]) -> Database:
    tables = []
    for name, said in zip(entry["table_names_original"], entry["table_names"], strict=True):
        many = said if said.endswith("s") else lx.plural_of(said)
        one = said[:-1] if said.endswith("s") and not said.endswith("ss") else said
        tables.append(Table(name, one, many, one.split()[-1] in lx.PEOPLE, []))
    keys = set()
    for key in entry["primary_keys"]:
        keys.update(key if isinstance(key, list) else [key])
    foreign = dict(entry["foreign_keys"])
    by_index: dict[int, tuple[Table, Column]] = {}
    zipped = zip(
        entry["column_names_original"], entry["column_names"], entry["column_types"], strict=True
    )
    for i, ((t, name), (_, said), kind) in enumerate(zipped):
        if t < 0:
            continue
        low = said.lower()
        if i in foreign:
            made = "fk"
        elif i in keys and ("id" in low.split() or kind == "number"):
            made = "id"
        elif "year" in low.split():
            made = "year"
        elif kind == "number":
            made = "id" if low.split()[-1] in ("id", "code") else "number"
        elif kind == "time" or "date" in low.split():
            made = "date"
        else:
            made = "name" if {"name", "title", "names"} & set(low.split()) else "text"
        drawn: tuple[str, ...] = ()
        if made == "text":
            drawn = tuple(rng.sample(pool, 6)) if len(pool) > 6 and rng.random() < 0.6 else tuple(
                w.capitalize() for w in rng.sample(lx.WORDS, 6))  # fmt: skip
        column = Column(name, (said,), made, drawn)
        tables[t].columns.append(column)
        if i in keys and tables[t].key is None:
            tables[t].key = column
        by_index[i] = (tables[t], column)
    for a, b in foreign.items():
        child, column = by_index[a]
        parent, parent_column = by_index[b]
        if child is not parent:
            child.links.append(Link(column, parent, parent_column))
    return Database([t for t in tables if t.columns and t.name != "sqlite_sequence"])


def load_public_data(folder: Path) -> PublicData:
    """Read the four input files; Spider is cut to its pretraining half here, once.

    Raises:
        FileNotFoundError: A file of `INPUT_FILES` is not in `folder`.
    """
    rng = random.Random(0)
    wikisql, wiki_tables, pool = _read_wikisql(folder / WIKISQL_FILE)
    entries = json.loads((folder / SPIDER_TABLES_FILE).read_text(encoding="utf-8"))
    entries = [e for e in entries if spider_db_in_pretraining(e["db_id"])]
    questions = json.loads((folder / SPIDER_QUESTIONS_FILE).read_text(encoding="utf-8"))
    train_dbs = {q["db_id"] for q in questions}
    entries = [e for e in entries if e["db_id"] in train_dbs]
    databases = {e["db_id"]: _read_spider_schema(e, rng, pool) for e in entries}
    spider: list[SourceRow] = []
    with (folder / SPIDER_ROWS_FILE).open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["db_id"] in databases:
                tables = _parse_context(row["context"])
                spider.append(SourceRow(tables, row["question"], row["answer"], "spider"))
    for q in questions:
        if q["db_id"] in databases:
            tables = _tables_for(databases[q["db_id"]], q["query"])
            sql = _tidy(q["query"])
            if tables and len(sql) < 400:
                spider.append(SourceRow(tables, q["question"], sql, "spider_full"))
    words = _frequent_words(row.question for row in (*wikisql, *spider))
    return PublicData(wikisql, spider, wiki_tables, list(databases.values()), pool, words)


def _frequent_words(questions: Iterable[str], at_least: int = 3) -> list[str]:
    """Lower-case words of four letters or more that several questions hold, sorted."""
    counts = collections.Counter(
        w for q in questions for w in re.findall(r"[a-z]{4,14}", q.lower())
    )
    return sorted(w for w, n in counts.items() if n >= at_least)


def _tidy(sql: str) -> str:
    """Spider's SQL in the spelling of sql-create-context: upper-case functions, ``a, b``."""
    text = " ".join(sql.split()).rstrip(" ;").replace(" ,", ",").replace("( ", "(")
    text = text.replace(" )", ")")
    return re.sub(r"\b(count|sum|avg|min|max)\s?\(", lambda m: m[1].upper() + "(", text, flags=re.I)


def _tables_for(db: Database, sql: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    words = {w.lower() for w in re.findall(r"\w+", sql)}
    out = []
    for table in db.tables:
        if table.name.lower() in words:
            columns = [c for c in table.columns if c.name.lower() in words]
            rest = [c for c in table.columns if c not in columns][: max(0, 10 - len(columns))]
            listed = [c for c in table.columns if c in columns or c in rest]
            out.append((table.name, tuple(f"{c.name} VARCHAR" for c in listed)))
    return tuple(out)


def augment(rng: random.Random, row: SourceRow, data: PublicData) -> Row:
    """The row with literals swapped, columns shuffled and distractors added, by chance."""
    question, sql = row.question, row.sql
    if rng.random() < 0.7:
        question, sql = _swap_literals(rng, question, sql, data)
    tables = [(name, list(columns)) for name, columns in row.tables]
    if row.kind == "wikisql" and rng.random() < 0.6:
        old = tables[0][0]
        new = f"table_name_{rng.randint(1, 99)}"
        if rng.random() < 0.4:
            new = rng.choice(data.words or lx.THINGS) if rng.random() < 0.7 else invented_word(rng)
        tables[0] = (new, tables[0][1])
        sql = sql.replace(f" {old}", f" {new}")
    if row.spare and rng.random() < 0.45:
        listed = {c.split()[0] for c in tables[0][1]}
        spare = [c for c in row.spare if c.split()[0] not in listed]
        tables[0][1].extend(rng.sample(spare, rng.randint(0, len(spare))))
    if rng.random() < 0.7:
        for _, columns in tables:
            rng.shuffle(columns)
        rng.shuffle(tables)
    if rng.random() < 0.12 and data.spider:
        names = {n.lower() for n, _ in tables}
        other = rng.choice(rng.choice(data.spider).tables or (("notes", ("id VARCHAR",)),))
        if other[0].lower() not in names:
            tables.insert(rng.randint(0, len(tables)), (other[0], list(other[1])))
    context = "; ".join(f"CREATE TABLE {n} ({', '.join(c) or 'Id VARCHAR'})" for n, c in tables)
    return Row(context, question, sql, row.kind)


def _swap_literals(
    rng: random.Random, question: str, sql: str, data: PublicData
) -> tuple[str, str]:
    for match in list(_LITERAL.finditer(sql)):
        double, single, number = match.groups()
        old = double or single or number
        if (
            not old
            or "%" in old
            or (number and sql[: match.start()].rstrip().upper().endswith("LIMIT"))
        ):
            continue
        low = question.lower()
        if low.count(old.lower()) != 1 or sql.count(match.group(0)) != 1:
            continue
        start = low.index(old.lower())
        end = start + len(old)
        if (start and low[start - 1].isalnum()) or (end < len(low) and low[end].isalnum()):
            continue
        if number:
            new = str(rng.randint(1, 10 ** min(6, len(old))))
        elif not data.values:
            continue
        else:
            new = rng.choice(data.values)
            if rng.random() < 0.15:
                new = f"{rng.choice(lx.FIRST_NAMES)} {rng.choice(lx.LAST_NAMES)}"
            if '"' in new or "'" in new:
                continue
        question = question[:start] + new + question[end:]
        sql = sql.replace(match.group(0), match.group(0).replace(old, new))
    return question, sql


def graft(rng: random.Random, data: PublicData) -> Database:
    """A random database, some tables of which carry WikiSQL's columns instead of invented ones."""
    db = draw_database(rng, data.words)
    for table in db.tables:
        if rng.random() < 0.75:
            borrowed = rng.choice(data.wikisql_tables)
            kept = [c for c in table.columns if c.kind in ("id", "fk")]
            names = {c.name.lower() for c in kept}
            table.columns = kept + [c for c in borrowed[:8] if c.name.lower() not in names]
    return db


def borrow(rng: random.Random, databases: Iterable[Database]) -> Database:
    """Up to four linked tables of a Spider database, with at most nine columns each."""
    db = rng.choice(list(databases))
    start = rng.choice(db.tables)
    chosen = [start]
    size = rng.choices((1, 2, 3, 4), (0.2, 0.42, 0.28, 0.1))[0]
    for _ in range(size - 1):
        near = [t for t in db.tables if t not in chosen and (
            any(link.parent in chosen for link in t.links)
            or any(link.parent is t for c in chosen for link in c.links))]  # fmt: skip
        if not near:
            break
        chosen.append(rng.choice(near))
    copies = {id(t): Table(t.name, t.one, t.many, t.person, [], t.key) for t in chosen}
    for table in chosen:
        copy = copies[id(table)]
        copy.links = [Link(k.column, copies[id(k.parent)], k.parent_column)
                      for k in table.links if id(k.parent) in copies]  # fmt: skip
    needed = {k.column for c in copies.values() for k in c.links}
    needed |= {k.parent_column for c in copies.values() for k in c.links}
    for table in chosen:
        copy = copies[id(table)]
        optional = [c for c in table.columns if c not in needed and c is not table.key]
        kept = set(rng.sample(optional, min(len(optional), 8)))
        copy.columns = [c for c in table.columns if c not in optional or c in kept]
    return Database(list(copies.values()))
