import duckdb
import pytest

from sql_ft.errors import SchemaError
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.schema import create_sql, infer_types, parse_schema


def types(schema):
    return {c.name: c.type for t in schema.tables for c in t.columns}


def test_repeated_tables_are_merged_without_regard_to_case():
    schema = parse_schema(
        "CREATE TABLE Head (name VARCHAR, age VARCHAR); CREATE TABLE head (AGE INTEGER, id VARCHAR)"
    )
    (table,) = schema.tables
    assert table.name == "Head"
    assert [(c.name, c.type) for c in table.columns] == [
        ("name", "VARCHAR"),
        ("age", "BIGINT"),
        ("id", "VARCHAR"),
    ]


def test_keys_and_foreign_keys():
    schema = parse_schema(
        "CREATE TABLE a (id INT PRIMARY KEY, code TEXT UNIQUE NOT NULL);"
        "CREATE TABLE b (x INT, y INT REFERENCES a(id), z INT,"
        " PRIMARY KEY (x, z), FOREIGN KEY (z) REFERENCES a (id), UNIQUE (y, z))"
    )
    a, b = schema.tables
    assert a.primary_key == ("id",)
    assert a.columns[0].unique
    assert not a.columns[0].nullable
    assert a.columns[1].unique
    assert not a.columns[1].nullable
    assert b.primary_key == ("x", "z")
    assert not b.columns[0].unique
    assert {(f.columns, f.ref_table, f.ref_columns) for f in b.foreign_keys} == {
        (("y",), "a", ("id",)),
        (("z",), "a", ("id",)),
    }
    assert b.unique_keys == (("y", "z"),)


@pytest.mark.parametrize(
    ("ddl", "names"),
    [
        ('CREATE TABLE t ("order" TEXT, "a b" INT, [group] REAL, `x-y` TEXT)',
         ["order", "a b", "group", "x-y"]),
        ("CREATE TABLE t (team_1 VARCHAR, 2nd_leg VARCHAR, 1st_leg VARCHAR)",
         ["team_1", "2nd_leg", "1st_leg"]),
        ("CREATE TABLE t (glos_&_wilts VARCHAR, c_{low} INTEGER)", ["glos_&_wilts", "c_{low}"]),
        ("CREATE TABLE t (18–49_rating VARCHAR)", ["18–49_rating"]),
    ],
)  # fmt: skip
def test_odd_names_survive(ddl, names):
    schema = parse_schema(ddl)
    assert [c.name for c in schema.tables[0].columns] == names
    connection = duckdb.connect()
    for statement in create_sql(schema):
        connection.execute(statement)
    assert [d[0] for d in connection.execute('SELECT * FROM "t"').description] == names


def test_fallback_reads_keys_too():
    schema = parse_schema(
        "CREATE TABLE t (2nd INT PRIMARY KEY, n TEXT NOT NULL DEFAULT 'a,b',"
        " u INT, FOREIGN KEY (u) REFERENCES p(k))"
    )
    (table,) = schema.tables
    assert table.primary_key == ("2nd",)
    assert [c.nullable for c in table.columns] == [False, False, True]
    assert table.foreign_keys[0].ref_columns == ("k",)


@pytest.mark.parametrize("ddl", ["", "hello", "CREATE TABLE t", "SELECT 1", "CREATE TABLE t ()"])
def test_no_table_is_an_error(ddl):
    with pytest.raises(SchemaError, match="CREATE TABLE"):
        parse_schema(ddl)


def test_types_follow_the_use_of_columns():
    schema = parse_schema(
        "CREATE TABLE t (a VARCHAR, b VARCHAR, c VARCHAR, d INTEGER, e VARCHAR, f VARCHAR,"
        " g VARCHAR)"
    )
    tree = parse_query(
        "SELECT SUM(a), c FROM t WHERE b > 3.5 AND d = 'x' AND e = '2010' AND f = 5 AND f = 'n/a'"
        " AND g > '2019-01-01'",
        schema,
    )
    assert types(infer_types(schema, tree)) == {
        "a": "BIGINT",
        "b": "DOUBLE",
        "c": "VARCHAR",
        "d": "VARCHAR",
        "e": "VARCHAR",
        "f": "VARCHAR",
        "g": "VARCHAR",
    }


def test_joined_columns_get_one_type():
    schema = parse_schema("CREATE TABLE a (id VARCHAR); CREATE TABLE b (a_id INTEGER, n VARCHAR)")
    tree = parse_query("SELECT n FROM a JOIN b ON a.id = b.a_id WHERE a_id > 2", schema)
    assert types(infer_types(schema, tree)) == {"id": "BIGINT", "a_id": "BIGINT", "n": "VARCHAR"}


def test_dialect_decides_about_dates_and_booleans():
    ddl = "CREATE TABLE t (d DATE, s TIMESTAMP, b BOOLEAN)"
    assert types(parse_schema(ddl)) == {"d": "VARCHAR", "s": "VARCHAR", "b": "BIGINT"}
    assert types(parse_schema(ddl, "postgres")) == {"d": "DATE", "s": "TIMESTAMP", "b": "BOOLEAN"}
