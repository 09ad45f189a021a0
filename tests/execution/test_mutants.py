import pytest

from sql_ft.execution.dialect import parse_query
from sql_ft.execution.mutants import MAX_MUTANTS, OPERATORS, generate_mutants
from sql_ft.execution.schema import infer_types, parse_schema

DDL = (
    "CREATE TABLE student (id INT PRIMARY KEY, name TEXT, age INT, city TEXT, born DATE);"
    "CREATE TABLE course (cid INT PRIMARY KEY, title TEXT UNIQUE NOT NULL, credits INT);"
    "CREATE TABLE taken (sid INT, cid INT, grade REAL, PRIMARY KEY (sid, cid))"
)


def mutate(gold):
    """SQL of each mutant → its name."""
    schema = parse_schema(DDL)
    tree = parse_query(gold, schema)
    return {m.sql: m.name for m in generate_mutants(tree, infer_types(schema, tree))}


@pytest.mark.parametrize(
    ("gold", "wanted"),
    [
        ("SELECT name FROM student WHERE age > 30",
         ["SELECT name FROM student", "SELECT name FROM student WHERE age >= 30",
          "SELECT name FROM student WHERE age > 31", "SELECT name FROM student WHERE age > 29",
          "SELECT DISTINCT name FROM student WHERE age > 30",
          'SELECT "student"."city" FROM student WHERE age > 30']),
        ("SELECT DISTINCT city FROM student ORDER BY city LIMIT 2",
         ["SELECT city FROM student ORDER BY city LIMIT 2",
          "SELECT DISTINCT city FROM student ORDER BY city DESC LIMIT 2",
          "SELECT DISTINCT city FROM student ORDER BY city",
          "SELECT DISTINCT city FROM student ORDER BY city LIMIT 3"]),
        ("SELECT MAX(age), COUNT(city) FROM student WHERE age = 1 OR id = 2",
         ["SELECT MIN(age), COUNT(city) FROM student WHERE age = 1 OR id = 2",
          "SELECT MAX(age), COUNT(DISTINCT city) FROM student WHERE age = 1 OR id = 2",
          "SELECT MAX(age), COUNT(city) FROM student WHERE age = 1 AND id = 2",
          "SELECT MAX(age), COUNT(city) FROM student WHERE id = 2"]),
        ("SELECT sid FROM taken EXCEPT SELECT id FROM student",
         ["SELECT sid FROM taken", "SELECT sid FROM taken INTERSECT SELECT id FROM student"]),
    ],
)  # fmt: skip
def test_mutants(gold, wanted):
    schema = parse_schema(DDL)
    tree = parse_query(gold, schema)
    schema = infer_types(schema, tree)
    mutants = generate_mutants(tree, schema)
    texts = [m.sql for m in mutants]
    assert set(wanted) <= set(texts)
    assert len(texts) == len(set(texts))
    assert tree.sql("sqlite") not in texts
    assert mutants == generate_mutants(tree, schema)
    assert {m.operator for m in mutants} <= set(OPERATORS)


JOINED = "SELECT name FROM student AS s JOIN taken AS t ON s.id = t.sid"
NESTED = "SELECT title FROM course WHERE EXISTS(SELECT * FROM taken WHERE taken.cid = course.cid)"


@pytest.mark.parametrize(
    ("gold", "mutant", "name"),
    [
        (JOINED, JOINED.replace(" JOIN", " RIGHT JOIN"), "join_kind:right"),
        (JOINED, JOINED.replace("s.id =", '"s"."age" ='), "join_key:age"),
        (JOINED, JOINED.replace("t.sid", '"t"."cid"'), "join_key:cid"),
        (JOINED, JOINED.replace("s.id = t.sid", "TRUE"), "join_key:dropped"),
        (NESTED, NESTED.replace("course.cid", '"taken"."cid"'), "correlation:inner"),
        (NESTED, NESTED.replace(" WHERE taken.cid = course.cid", ""), "correlation:dropped"),
        ("SELECT title FROM course WHERE cid IN (SELECT cid FROM taken WHERE grade > 2.5)",
         "SELECT title FROM course WHERE cid IN (SELECT cid FROM taken WHERE grade >= 2.5)",
         "subquery:condition:shifted"),
        ("SELECT name FROM student WHERE age > (SELECT AVG(age) FROM student)",
         'SELECT name FROM student WHERE age > (SELECT AVG(age) FROM student AS inner_1'
         ' WHERE "inner_1"."id" = "student"."id")', "correlation:added"),
        ("SELECT city, COUNT(*) FROM student GROUP BY city",
         'SELECT city, COUNT(*) FROM student GROUP BY "student"."name"', "group_key:name"),
        ("SELECT city, COUNT(*) FROM student GROUP BY city",
         'SELECT city, COUNT(*) FROM student GROUP BY city, "student"."id"', "group_key:added"),
        ("SELECT city, COUNT(*) FROM student GROUP BY city",
         'SELECT city, COUNT("student"."name") FROM student GROUP BY city',
         "aggregate:count_column"),
        ("SELECT city FROM student GROUP BY city HAVING COUNT(*) > 2",
         "SELECT city FROM student GROUP BY city HAVING COUNT(*) > 3", "having:constant:+1"),
        ("SELECT name FROM student WHERE age BETWEEN 20 AND 30",
         "SELECT name FROM student WHERE (age > 20 AND age <= 30)", "condition:shifted"),
        ("SELECT name FROM student WHERE age BETWEEN 20 AND 30",
         "SELECT name FROM student WHERE (age >= 20)", "condition:dropped"),
        ("SELECT name FROM student WHERE age IN (20, 30)",
         "SELECT name FROM student WHERE age IN (20)", "constant:item_dropped"),
        ("SELECT name FROM student WHERE age IN (20, 30)",
         "SELECT name FROM student WHERE NOT age IN (20, 30)", "condition:flipped"),
        ("SELECT name FROM student WHERE city <> 'Rome'",
         "SELECT name FROM student WHERE (city <> 'Rome' OR city IS NULL)", "condition:null_kept"),
        ("SELECT name FROM student WHERE city = 'Rome'",
         "SELECT name FROM student WHERE city = 'rome'", "constant:case"),
        ("SELECT name FROM student WHERE city = 'Rome'",
         "SELECT name FROM student WHERE city LIKE '%Rome%'", "constant:equal_as_like"),
        ("SELECT name FROM student ORDER BY age, city LIMIT 3 OFFSET 1",
         "SELECT name FROM student ORDER BY age, city LIMIT 3 OFFSET 2", "limit:+1"),
        ("SELECT name FROM student ORDER BY age, city LIMIT 3 OFFSET 1",
         "SELECT name FROM student ORDER BY age, city LIMIT 3", "limit:offset_dropped"),
        ("SELECT name FROM student ORDER BY age, city",
         "SELECT name FROM student ORDER BY age", "order:key_dropped"),
        ("SELECT name FROM student ORDER BY age",
         'SELECT name FROM student ORDER BY "student"."id"', "order:id"),
        ("SELECT sid FROM taken EXCEPT SELECT id FROM student",
         "SELECT id FROM student EXCEPT SELECT sid FROM taken", "set_operation:swapped"),
        ("SELECT a.name FROM student AS a JOIN student AS b ON a.age = b.age",
         'SELECT "b"."name" FROM student AS a JOIN student AS b ON a.age = b.age', "column:name"),
    ],
)  # fmt: skip
def test_operators(gold, mutant, name):
    assert mutate(gold).get(mutant) == name, mutate(gold)


def test_a_format_is_no_constant_of_the_question():
    assert not [s for s in mutate("SELECT STRFTIME('%Y', born) FROM student") if "'%y'" in s]


def test_distinct_is_not_added_below_an_order_that_it_would_make_meaningless():
    assert not [n for n in mutate("SELECT name FROM student ORDER BY age").values()
                if n == "distinct:added"]  # fmt: skip


def test_every_operator_keeps_some_of_its_mutants_under_the_limit():
    conditions = " AND ".join(f"age <> {i}" for i in range(60))
    made = list(
        mutate(
            f"SELECT DISTINCT name FROM student WHERE {conditions} ORDER BY name LIMIT 3"
        ).values()
    )
    assert len(made) == MAX_MUTANTS
    assert {n.split(":")[0] for n in made} >= {"distinct", "limit", "order", "column", "condition"}
