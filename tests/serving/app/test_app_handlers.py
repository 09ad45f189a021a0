import hashlib
import re
from html.parser import HTMLParser

import pytest

HOSTILE_SQL = [
    "DROP TABLE customer",
    "DELETE FROM customer",
    "UPDATE customer SET name = 'x'",
    "INSERT INTO customer VALUES (9, 'x', 'y')",
    "ATTACH DATABASE '/tmp/x.db' AS other",
    "PRAGMA writable_schema = 1",
    "SELECT load_extension('x')",
    "SELECT writefile('/tmp/x', 'y')",
    "SELECT readfile('/etc/passwd')",
    "VACUUM INTO '/tmp/x.db'",
    "SELECT 1; DROP TABLE customer",
    "WITH a AS (DELETE FROM customer RETURNING *) SELECT * FROM a",
    "CREATE TRIGGER t AFTER INSERT ON customer BEGIN SELECT 1; END",
]
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def tags_of(html):
    parser = Tags()
    parser.feed(html)
    return parser


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_asking_shows_every_step_then_the_result(handlers):
    opened = handlers.choose("one", "shop")
    assert "customer_id" in opened.schema
    assert "→ customer" in opened.schema
    assert opened.questions == ("How many customers are there?",)
    views = list(handlers.ask("one", "Which cities?", "champion"))
    assert len(views) > 3
    assert all(view.result is None for view in views[:-1])
    lengths = [view.steps.count("<li") for view in views]
    assert lengths == sorted(lengths)
    last = views[-1]
    assert last.sql.startswith("SELECT city, COUNT(*) AS n")
    assert re.findall(r"<td[^>]*>([^<]*)</td>", last.result) == ["Lyon", "2", "Oslo", "1"]
    assert last.chart.labels == ("Lyon", "Oslo")
    assert "Which cities?" in last.history
    assert last.comparison == ""


def test_side_by_side(handlers):
    handlers.choose("one", "shop")
    *_, last = handlers.ask("one", "Which cities?", "both")
    assert last.comparison.count("<article>") == 2
    assert "They returned different rows." in last.comparison
    assert last.steps.count("<section") == 2
    assert last.history.count("<li>") == 2


def test_edited_sql_runs_and_is_remembered(handlers):
    handlers.choose("one", "shop")
    view = handlers.run("one", "SELECT name FROM customer ORDER BY name")
    assert "3 rows, 1 column" in view.result
    assert "Edited query" in view.history
    assert handlers.csv_of_last("one") == "name\r\nAda\r\nBo\r\nCy\r\n"
    assert handlers.sql_of_session("one") == (
        "-- shop, you\nSELECT name FROM customer ORDER BY name;\n"
    )


@pytest.mark.parametrize("sql", HOSTILE_SQL)
def test_hostile_sql_is_refused_and_writes_nothing(handlers, shop, sql):
    before = digest(shop)
    handlers.choose("one", "shop")
    view = handlers.run("one", sql)
    assert "sf-error" in view.result
    assert digest(shop) == before
    assert [p.name for p in shop.parent.glob("shop*")] == ["shop.sqlite"]
    assert "3 rows" in handlers.run("one", "SELECT * FROM customer").result


def test_a_model_that_writes_hostile_sql_is_refused_too(handlers, shop):
    before = digest(shop)
    handlers.choose("one", "shop")
    *_, last = handlers.ask("one", "Please drop the table.", "champion")
    assert last.sql == "DROP TABLE customer"
    assert "sf-error" in last.result
    assert "sf-failed" in last.steps
    assert digest(shop) == before


@pytest.mark.parametrize(
    ("question", "message"),
    [("", "There is no question"), ("x" * 1_001, "The question has 1,001 characters")],
)
def test_questions_have_a_length(handlers, question, message):
    handlers.choose("one", "shop")
    (view,) = handlers.ask("one", question, "champion")
    assert message in view.notice


def test_no_database_is_a_message(handlers):
    (view,) = handlers.ask("one", "How many?", "champion")
    assert "No database is chosen" in view.notice
    assert "No database is chosen" in handlers.run("one", "SELECT 1").notice
    assert "There is no sample database" in handlers.choose("one", MARKUP).notice
    assert handlers.csv_of_last("one") == handlers.sql_of_session("one") == ""


def test_a_fault_of_ours_is_a_message_and_a_line_in_the_log(handlers, caplog):
    def broken():
        raise RuntimeError("secret detail")

    handlers.choose("one", "shop")
    handlers.models = broken
    (view,) = handlers.ask("one", "How many?", "champion")
    assert "Something went wrong on our side" in view.notice
    assert "secret" not in view.notice
    assert "secret detail" in caplog.text


def test_markup_in_cells_names_and_questions_is_text(handlers, tmp_path):
    quoted = MARKUP.replace('"', '""')
    upload = tmp_path / "in" / "x.csv"
    upload.parent.mkdir()
    upload.write_text(f'id,"{quoted}"\n1,"{quoted}"\n2,"${{alert(1)}} {{{{7*7}}}}"\n')
    opened = handlers.upload("one", str(upload))
    ran = handlers.run("one", f"SELECT *, '{MARKUP}' AS \"{MARKUP}\" FROM x")
    *_, asked = handlers.ask("one", MARKUP, "both")
    pieces = [opened.schema, ran.result, ran.history, asked.steps, asked.comparison, asked.history]
    for piece in pieces:
        found = tags_of(piece)
        assert not found.names & {"img", "script", "iframe", "a", "svg", "style"}
        assert found.attributes <= {
            "class", "role", "scope", "open", "tabindex", "aria-label", "aria-hidden",
        }  # fmt: skip
    assert "&lt;script&gt;" in ran.result
    assert "${alert(1)} {{7*7}}" in ran.result


def test_huge_cells_and_thousands_of_columns_are_cut(handlers):
    handlers.choose("one", "shop")
    view = handlers.run("one", "SELECT printf('%.*c', 1000000, 'x') AS cell")
    assert len(view.result) < 2_000
    assert "…" in view.result
    wide = ", ".join(f"{i} AS c{i}" for i in range(1_200))
    view = handlers.run("one", f"SELECT {wide} FROM customer")
    assert "1,200 columns" in view.result
    assert "first 40 columns shown" in view.result
    assert view.result.count("<th") == 41
    view = handlers.run("one", "SELECT zeroblob(100) AS b, NULL AS n, char(8238) || 'x' AS t")
    assert "100 bytes" in view.result
    assert "NULL" in view.result
    assert "\u202e" not in view.result


def test_answers_for_programs(handlers):
    answer = handlers.answer("one", "shop", "Which cities?", "champion")
    assert answer["rows"] == [["Lyon", 2], ["Oslo", 1]]
    assert answer["status"] == "ok"
    assert handlers.query("one", "SELECT 1 AS a") == {
        "status": "ok", "error": "", "columns": ["a"], "rows": [[1]], "truncated": False,
    }  # fmt: skip
