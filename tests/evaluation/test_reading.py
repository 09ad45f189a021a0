"""Each text is read once for each schema."""

from sql_ft.config import EvaluationConfig
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation import reading
from sql_ft.evaluation.reading import Reader
from sql_ft.execution.schema import parse_schema

DDL = "CREATE TABLE t (a INT, b TEXT)"


def test_equal_schemas_share_a_reading(monkeypatch):
    calls = []
    parse = reading.parse_query
    monkeypatch.setattr(
        reading, "parse_query", lambda *a, **k: calls.append(a[0]) or parse(*a, **k)
    )
    reader = Reader(EvaluationConfig())
    first = reader.read("SELECT a FROM t", parse_schema(DDL))
    assert reader.read("SELECT a FROM t", parse_schema(DDL)) is first
    assert calls == ["SELECT a FROM t"]
    assert first.adheres


def test_another_schema_is_another_reading():
    reader = Reader(EvaluationConfig())
    text = "SELECT b FROM t WHERE b > 5"
    as_text = reader.read(text, parse_schema(DDL))
    as_number = reader.read(text, parse_schema("CREATE TABLE t (a INT, b INT)"))
    absent = reader.read(text, parse_schema("CREATE TABLE t (a INT)"))
    assert as_text.sql != as_number.sql
    assert (as_text.adheres, as_number.adheres, absent.adheres) == (True, True, False)


def test_what_cannot_be_read_is_an_answer_too():
    reader = Reader(EvaluationConfig())
    schema = parse_schema(DDL)
    refused = reader.read("DELETE FROM t", schema)
    assert isinstance(refused, SqlTranslationError)
    assert refused.status == "not_a_query"
    assert reader.read("DELETE FROM t", schema) is refused


def test_sameness_looks_at_the_gold_of_this_schema():
    reader = Reader(EvaluationConfig())
    schema = parse_schema(DDL)
    found = reader.read("select B from T where A = 1 and B = 'x'", schema)
    same, other = (
        reader.read(f"SELECT b FROM t WHERE b = 'x' AND a = {n}", schema).sql for n in (1, 2)
    )
    assert reader.is_gold(found, same, schema)
    assert not reader.is_gold(found, other, schema)
