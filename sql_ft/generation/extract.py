"""A model's completion → one SQL statement. The only place that does this.

Tolerant to what instruct models wrap around an answer (fences, labels, chatter,
several statements), the same for every arm, so that an arm is judged by its SQL and
not by its manners. It never repairs SQL and never hides a write: a completion whose
first statement is DELETE, DROP, … is returned whole, for the sandbox to refuse.
"""

from __future__ import annotations

import dataclasses
import json
import re

FENCE = re.compile(r"```[ \t]*([A-Za-z0-9_+-]*)[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)

_IDENTIFIER = r"(?:\w+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])"
_QUERY = rf"""
    \(*\s*(?:
        SELECT\b(?=\s|\*|\(|"|'|`|\[|$)
      | WITH\s+(?:RECURSIVE\s+)?{_IDENTIFIER}\s*(?:\([^()]*\)\s*)?AS\s*
            (?:NOT\s+MATERIALIZED\s*|MATERIALIZED\s*)?\(
      | VALUES\s*\(
    )
"""
# Shapes, not bare words: "Update: here is …" and "Create a query …" are prose.
_COMMAND = r"""
    (?:
        DELETE\s+FROM\b
      | INSERT\s+(?:OR\s+\w+\s+)?INTO\b
      | REPLACE\s+INTO\b
      | MERGE\s+INTO\b
      | UPDATE\s+(?:OR\s+\w+\s+)?[\w."`\[\]]+\s+(?:AS\s+\w+\s+)?SET\b
      | (?:DROP|ALTER|CREATE)\s+(?:OR\s+REPLACE\s+)?(?:TEMP\w*\s+|UNIQUE\s+|VIRTUAL\s+)?
            (?:TABLE|VIEW|INDEX|SCHEMA|DATABASE|MACRO|FUNCTION|SEQUENCE|TYPE|TRIGGER|SECRET)\b
      | TRUNCATE\s+(?:TABLE\s+)?\w+\s*(?:;|$)
      | (?:ATTACH|DETACH)\s+(?:DATABASE\s+)?(?:'|"|\w+\s*;)
      | COPY\s+(?:\(|[\w."]+\s+(?:TO|FROM)\b)
      | (?:EXPORT|IMPORT)\s+DATABASE\b
      | PRAGMA\s+\w+
      | (?:INSTALL|LOAD)\s+\w+\s*;
      | EXPLAIN\s+(?:ANALYZE\s+|QUERY\s+PLAN\s+)?(?:SELECT|WITH|DELETE|INSERT|UPDATE)\b
      | BEGIN\s*(?:TRANSACTION\s*)?;
    )
"""
_FLAGS = re.IGNORECASE | re.VERBOSE
_STATEMENT = re.compile(rf"(?P<query>{_QUERY})|(?P<command>{_COMMAND})", _FLAGS)
# A statement starts a line, or follows a label, a tag or an opening quote.
_OPENING = re.compile(
    r"(?:^|\n)[ \t]*(?:[>*•-][ \t]+|\d+[.)][ \t]+)?"
    r"|(?::|\b(?:sql|query)[ \t]*=|\[\w+\]|<\w+>)[*_ \t]*[\"'`]?[ \t]*"
    r"|[`\"'][ \t]*",
    re.IGNORECASE,
)
_ARTICLE = re.compile(
    r"select\s+(?:the|all\s+the|all\s+of|a|an|every|each|those|from\s+the)\s+[a-z]+", re.IGNORECASE
)
_UPPER_STATEMENT = re.compile(
    r"(?<![\w\"'`])(?:SELECT\s+(?=[^\n]*?\bFROM\b)|DELETE\s+FROM\s|INSERT\s+INTO\s|DROP\s+TABLE\s)"
)
_ANY_STATEMENT = re.compile(r"\bselect\s+[^\n]{1,400}?\bfrom\s+[\w\"`\[]", re.IGNORECASE)

# What may follow a blank line inside one statement.
_CONTINUES = re.compile(
    r"(?:FROM|WHERE|GROUP|ORDER|HAVING|LIMIT|OFFSET|FETCH|WINDOW|QUALIFY|UNION|INTERSECT|EXCEPT"
    r"|JOIN|LEFT|RIGHT|FULL|INNER|OUTER|CROSS|NATURAL|ON|USING|AND|OR|NOT|IN|BETWEEN|LIKE|AS"
    r"|CASE|WHEN|THEN|ELSE|END|ASC|DESC|VALUES|SET)\b|[(),*=<>+|/-]",
    re.IGNORECASE,
)
_QUERY_WORD = re.compile(r"(?:SELECT|VALUES)\b", re.IGNORECASE)
_SET_OPERATION = re.compile(r"\b(?:UNION|ALL|DISTINCT|INTERSECT|EXCEPT)\s*$", re.IGNORECASE)
# Case matters: SQL keywords are upper or lower case, sentences are capitalised.
_PROSE = re.compile(
    r"(?:(?:This|The|Here|It|I|You|We|These|That|Please|Hope|Let|In|To|For|If|Note|Since)"
    r"(?:['’]s)?,?[ \t]+(?!\w+\s*[=<>])[a-z`'\"]"
    r"|(?:Explanation|Note|Output|Result|Answer|Question|Schema|Example|Query|SQL)s?[ \t]*:"
    r"|\#{1,6}[ \t]|\*\*)"
)
_CLOSING = re.compile(r"```|<\||\[/SQL\]|</sql>|</s>|\[/INST\]", re.IGNORECASE)
_DOLLAR = re.compile(r"\$\w*\$")


@dataclasses.dataclass(frozen=True, slots=True)
class ExtractedSql:
    """One statement taken from a completion.

    Attributes:
        sql: The statement as written, without its semicolon; "" if there is none.
        strict: True if the completion was that statement and nothing else
            (surrounding white space and one final semicolon apart).
    """

    sql: str
    strict: bool


def extract_sql(completion: str) -> ExtractedSql:
    """Take the first complete statement out of a model's answer.

    Fenced blocks come before running text, and a statement that starts a line or
    follows a label before one inside a sentence. Quotes and comments are understood:
    a semicolon inside them ends nothing.

    Args:
        completion: The model's text, special tokens removed.
    """
    text = completion.replace("\r\n", "\n").strip()
    answer = text.rpartition("</think>")[2] if "</think>" in text else text
    for region in _regions(answer):
        sql = _first_statement(region)
        if sql:
            return ExtractedSql(sql, strict=_without_semicolon(text) == sql)
    return ExtractedSql("", strict=False)


def _regions(text: str) -> list[str]:
    blocks = [match.group(2) for match in FENCE.finditer(text)]
    return [block for block in blocks if _STATEMENT.search(block)] + [text]


def _first_statement(text: str) -> str:
    start, is_query, opener = _find_start(text)
    if start < 0:
        return ""
    if not is_query:
        closing = _CLOSING.search(text, start)
        return _without_semicolon(text[start : closing.start() if closing else len(text)])
    body = text[start:]
    if opener == '"':
        body = _json_string(body) if text.lstrip().startswith("{") else _until_last_quote(body)
    elif opener == "`":
        body = _until_last_backtick(body)
    end = _statement_end(body)
    if opener == "'" and body[:end].count("'") % 2:
        end = body.rfind("'", 0, end)
    return _without_semicolon(body[:end])


def _find_start(text: str) -> tuple[int, bool, str]:
    """Return where the first statement starts, whether it is a query, and an opening quote."""
    prose_start: tuple[int, bool, str] | None = None
    for opening in _OPENING.finditer(text):
        match = _STATEMENT.match(text, opening.end())
        if match is None:
            continue
        quote = opening.group().strip()[-1:]
        found = (
            match.start(),
            match.group("query") is not None,
            quote if quote and quote in "\"'`" else "",
        )
        # "Select the rows where …" is a sentence if real SQL follows it.
        if _ARTICLE.match(text, match.start()) and not text[match.start() :].startswith("SELECT"):
            prose_start = prose_start or found
            continue
        return found
    for pattern in (_UPPER_STATEMENT, _ANY_STATEMENT):
        inline = pattern.search(text)
        if inline is not None and (prose_start is None or inline.start() != prose_start[0]):
            return inline.start(), inline.group()[:6].upper() == "SELECT", ""
    return prose_start or (-1, False, "")


def _statement_end(text: str) -> int:
    """Return the end of the statement that starts `text`, quotes and comments understood."""
    position, depth = 0, 0
    seen_query = False
    length = len(text)
    while position < length:
        char = text[position]
        if char == ";" or _CLOSING.match(text, position):
            return position
        if char in "'\"`":
            position = _skip_quoted(text, position, char)
        elif text.startswith("--", position):
            newline = text.find("\n", position)
            position = length if newline < 0 else newline
        elif text.startswith("/*", position):
            close = text.find("*/", position + 2)
            position = length if close < 0 else close + 2
        elif char == "$" and (tag := _DOLLAR.match(text, position)):
            close = text.find(tag.group(), tag.end())
            position = length if close < 0 else close + len(tag.group())
        elif char == "\n":
            if depth <= 0 and _ends_at_line(text, position, seen_query):
                return position
            position += 1
        else:
            if char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
            elif depth == 0 and not seen_query and _QUERY_WORD.match(text, position):
                seen_query = True
            position += 1
    return length


def _ends_at_line(text: str, newline: int, seen_query: bool) -> bool:
    """Say whether the line after `newline` no longer belongs to the statement."""
    rest = text[newline:]
    following = rest.lstrip()
    if not following:
        return True
    if _PROSE.match(following):
        return True
    if _QUERY_WORD.match(following) and seen_query:
        return not _SET_OPERATION.search(text, 0, newline)
    blank = rest[: len(rest) - len(following)].count("\n") > 1
    if not blank or following.startswith(("--", "/*")):
        return False
    if _QUERY_WORD.match(following):
        return False
    return not _CONTINUES.match(following)


def _skip_quoted(text: str, start: int, quote: str) -> int:
    position = start + 1
    while (close := text.find(quote, position)) >= 0:
        if not text.startswith(quote, close + 1):
            return close + 1
        position = close + 2
    return len(text)


def _json_string(body: str) -> str:
    """Decode a JSON string whose opening quote stood just before `body`."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode('"' + body)
    except ValueError:
        return body
    return value if isinstance(value, str) else body


def _until_last_quote(body: str) -> str:
    """Cut a sentence's quotation at its closing quote, which the SQL's own come before."""
    line = body.split("\n\n", 1)[0]
    return line[: line.rfind('"')] if line.count('"') % 2 else body


def _until_last_backtick(body: str) -> str:
    """Cut inline code at its closing backtick; MySQL-quoted names inside come in pairs."""
    paragraph = body.split("\n\n", 1)[0]
    close = -1
    for index, char in enumerate(paragraph):
        if char == "`" and paragraph[:index].count("`") % 2 == 0:
            close = index
            if not re.match(r"`[\w ]+`", paragraph[index:]):
                break
    return paragraph[:close] if close >= 0 else body


def _without_semicolon(text: str) -> str:
    text = text.strip()
    return text[:-1].rstrip() if text.endswith(";") else text
