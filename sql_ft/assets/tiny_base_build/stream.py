"""The training stream: documents drawn from all sources, tokenized, packed in blocks."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sql_ft.assets.tiny_base_build import documents, public_rows
from sql_ft.assets.tiny_base_build.documents import Part, Row, Wrapping, conversation, dress
from sql_ft.assets.tiny_base_build.overlap import Exclusions
from sql_ft.assets.tiny_base_build.public_rows import PublicData
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import draw_database

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Share of rows by origin: grammar over invented schemas, over WikiSQL's columns, over
# Spider schemas of the pretraining half; then WikiSQL rows and Spider rows themselves.
SOURCES = (
    ("grammar", 0.43), ("graft", 0.17), ("borrow", 0.14), ("wikisql", 0.17), ("spider", 0.09),
)  # fmt: skip
PART_WEIGHTS = (0.1, 0.25, 1.0)
PAD_PART = 3
MANY_TURNS_SHARE = 0.13

_SIMPLE_TOP = re.compile(
    r"^SELECT (?!DISTINCT)(?P<items>[^()]+?)"
    r" FROM (?P<rest>(?:(?!SELECT|UNION|INTERSECT|EXCEPT).)+?)"
    r" ORDER BY (?P<key>[\w.]+(?:\([\w.*]+\))?)(?P<end>(?: DESC| ASC)? LIMIT 1)$",
    re.I,
)


@dataclasses.dataclass(slots=True)
class Stream:
    """Draws documents for one seed; every worker owns one.

    `dropped` counts rows thrown away because an exclusion list names them.
    """

    rng: random.Random
    data: PublicData
    exclusions: Exclusions
    dropped: dict[str, int] = dataclasses.field(
        default_factory=lambda: {"question": 0, "schema": 0}
    )
    drawn: int = 0

    def row(self, style: Style) -> Row:
        """One row that no exclusion names."""
        while True:
            self.drawn += 1
            row = self._any_row(style)
            reason = self.exclusions.forbids(row.context, row.question, row.sql)
            if not reason:
                return row
            self.dropped[reason] += 1

    def _any_row(self, style: Style) -> Row:
        rng, data = self.rng, self.data
        source = rng.choices([n for n, _ in SOURCES], [w for _, w in SOURCES])[0]
        if style.chatty and source in ("wikisql", "spider") and rng.random() < 0.6:
            source = "borrow"
        if source == "wikisql" and data.wikisql:
            return _public_in_style(
                rng, public_rows.augment(rng, rng.choice(data.wikisql), data), style
            )
        if source == "spider" and data.spider:
            return _public_in_style(
                rng, public_rows.augment(rng, rng.choice(data.spider), data), style
            )
        if source == "graft" and data.wikisql_tables:
            return documents.synthetic_row(rng, public_rows.graft(rng, data), style)
        if source == "borrow" and data.spider_databases:
            db = public_rows.borrow(rng, data.spider_databases)
            return documents.synthetic_row(rng, db, style)
        return documents.synthetic_row(rng, draw_database(rng, data.words), style)

    def document(self) -> list[Part]:
        """One conversation of one to four turns."""
        rng = self.rng
        chatty = rng.random() < documents.CHATTY_SHARE
        style = Style.draw(rng, chatty)
        wrapping = Wrapping.draw(rng, chatty)
        turns = 1 if rng.random() > MANY_TURNS_SHARE else rng.choice((2, 3, 4, 4))
        rows = [self.row(style) for _ in range(turns)]
        return conversation([(row, dress(row, wrapping)) for row in rows])


def _public_in_style(rng: random.Random, row: Row, style: Style) -> Row:
    """Give a public row the talkative writer's habits: the ordering column, a semicolon."""
    if not style.chatty:
        return row
    sql = row.sql
    match = _SIMPLE_TOP.match(sql)
    unseen = match is not None and match["key"].lower() not in match["items"].lower()
    if match and unseen and rng.random() < 0.62 * style.extra_scale:
        key, rest = match["key"], match["rest"]
        sql = f"SELECT {match['items']}, {key} FROM {rest} ORDER BY {key}{match['end']}"
    if style.semicolon:
        sql += ";"
    return dataclasses.replace(row, sql=sql)


Encoded = tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]


def encode_documents(tokenizer: Tokenizer, docs: list[list[Part]], limit: int) -> list[Encoded]:
    """Token ids and part kinds of each document; longer than `limit` tokens: left out."""
    texts = [text for doc in docs for text, _ in doc]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    out: list[Encoded] = []
    at = 0
    for doc in docs:
        ids: list[int] = []
        kinds: list[int] = []
        for _, kind in doc:
            part = encodings[at].ids
            at += 1
            ids.extend(part)
            kinds.extend([kind] * len(part))
        if len(ids) <= limit:
            out.append((np.asarray(ids, dtype=np.int16), np.asarray(kinds, dtype=np.uint8)))
    return out


def packed_batches(
    stream: Stream, tokenizer: Tokenizer, *, blocks: int, block_size: int, pad_id: int
) -> Iterator[tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]]:
    """Endless batches of whole documents packed into blocks, first fit, longest first.

    Yields:
        Token ids and part kinds, both of shape (blocks, block_size); `PAD_PART` marks padding.
    """
    waiting: list[Encoded] = []
    waiting_tokens = 0
    while True:
        while waiting_tokens < blocks * block_size:
            docs = [stream.document() for _ in range(64)]
            fresh = encode_documents(tokenizer, docs, block_size)
            waiting.extend(fresh)
            waiting_tokens += sum(len(ids) for ids, _ in fresh)
        waiting.sort(key=lambda d: -len(d[0]))
        bins: list[list[Encoded]] = [[] for _ in range(blocks)]
        room = [block_size] * blocks
        rest: list[Encoded] = []
        for doc in waiting:
            size = len(doc[0])
            for b in range(blocks):
                if room[b] >= size:
                    bins[b].append(doc)
                    room[b] -= size
                    break
            else:
                rest.append(doc)
        waiting, waiting_tokens = rest, sum(len(ids) for ids, _ in rest)
        tokens = np.full((blocks, block_size), pad_id, dtype=np.int16)
        kinds = np.full((blocks, block_size), PAD_PART, dtype=np.uint8)
        for b, docs_of_bin in enumerate(bins):
            stream.rng.shuffle(docs_of_bin)
            at = 0
            for ids, parts in docs_of_bin:
                tokens[b, at : at + len(ids)] = ids
                kinds[b, at : at + len(ids)] = parts
                at += len(ids)
        yield tokens, kinds
