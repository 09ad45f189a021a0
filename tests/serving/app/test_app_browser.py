"""The page as people use it, in Chromium; skipped where there is none."""

import contextlib
import json
import shutil
import sqlite3
import sys
from pathlib import Path

import duckdb
import pytest
from app_people import RunningPage

pytest.importorskip("gradio", reason="the extra `app` is not installed")
if shutil.which("chromium") is None:
    pytest.skip("no chromium on the path", allow_module_level=True)

sys.path.append(str(Path(__file__).parents[3] / "docs" / "screenshots"))
from browser import Browser

MARKUP = "<img src=x onerror=window.hurt=1>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT);
        INSERT INTO customer VALUES (1, 'Ada', 'Lyon'), (2, '{MARKUP}', 'Oslo'), (3, 'Cy', 'Lyon');
        """
    )
    connection.close()
    with RunningPage(path) as running:
        yield running


class Person:
    """What somebody does on the page."""

    def __init__(self, browser, url, width=1280):
        self.browser = browser
        self.page = browser.open(url, width=width, dark=False, expect="customer_id")
        self.browser.wait_until("document.querySelectorAll('#sf-who input').length > 0")

    def text(self, selector):
        return self.browser.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''")

    def shows(self, selector, text, timeout_s=60):
        wanted = json.dumps(text)
        self.browser.wait_until(
            f"(document.querySelector({selector!r})?.innerText ?? '').includes({wanted})",
            timeout_s,
        )

    def click(self, selector):
        self.browser.evaluate(f"document.querySelector({selector!r}).click()")

    def ask(self, question, who=0):
        self.browser.evaluate(f"document.querySelectorAll('#sf-who input')[{who}].click()")
        self.browser.evaluate(
            "(() => { const t = document.querySelector('#sf-question textarea');"
            f"t.value = {json.dumps(question)};"
            "t.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
        self.browser.wait(0.3)
        self.click("#sf-ask")

    def write_sql(self, sql):
        self.browser.evaluate(
            "(() => { const e = document.querySelector('#sf-sql .cm-content'); e.focus();"
            "document.execCommand('selectAll');"
            f"document.execCommand('insertText', false, {json.dumps(sql)}); }})()"
        )
        self.browser.wait(0.5)

    def upload(self, path):
        self.browser.choose_file("#sf-left input[type=file]", path)


@contextlib.contextmanager
def person(page, width=1280):
    with Browser() as browser:
        yield Person(browser, page.url, width)


@pytest.mark.slow
def test_whole_path(page):
    with person(page) as somebody:
        somebody.ask("Which cities?", who=2)
        somebody.shows("#sf-steps", "Working")
        somebody.shows("#sf-comparison", "They returned different rows.")
        somebody.shows("#sf-result", "2 rows, 2 columns")
        somebody.shows("#sf-bars", "Lyon")
        somebody.write_sql("SELECT name FROM customer ORDER BY customer_id")
        somebody.click("#sf-run")
        somebody.shows("#sf-result", MARKUP)
        assert "GROUP BY" not in somebody.text("#sf-sql")
        somebody.browser.evaluate(
            "(() => { window.saved = []; HTMLAnchorElement.prototype.click = function () {"
            "saved.push(this.download); };"
            "URL.createObjectURL = (blob) => { blob.text().then(t => saved.push(t));"
            "return 'blob:none'; }; })()"
        )
        somebody.click("#sf-csv")
        somebody.browser.wait_until("saved.length == 2")
        assert sorted(somebody.browser.evaluate("saved")) == [
            f"name\r\nAda\r\n{MARKUP}\r\nCy\r\n", "result.csv",
        ]  # fmt: skip
        somebody.click("#sf-save")
        somebody.browser.wait_until("saved.length == 4")
        assert "-- Which cities?" in somebody.browser.evaluate("saved.join()")
        somebody.click("#sf-history-box button")
        somebody.shows("#sf-history", "Edited query")
        somebody.ask("Please drop it")
        somebody.shows("#sf-result", "not a query")
        assert somebody.browser.evaluate("window.hurt === undefined")
        hosts = {
            url.split("/")[2]
            for url in somebody.page.requests
            if url.startswith(("http:", "https:", "ws:", "wss:"))
        }
        assert hosts == {page.url.split("/")[2]}
        assert somebody.page.errors == []


@pytest.mark.slow
def test_uploads_by_two_people_on_a_phone_and_a_desk(page, tmp_path):
    evil = tmp_path / "evil.csv"
    evil.write_text(f'id,"{MARKUP}","a.b[0]; DROP TABLE x"\n1,"{MARKUP}",2\n2,b,3\n')
    good = tmp_path / "good.parquet"
    duckdb.execute("COPY (SELECT 'x' AS letter, 7 AS n) TO ? (FORMAT parquet)", [str(good)])
    bad = tmp_path / "bad.sqlite"
    bad.write_text("hello")
    large = tmp_path / "large.csv"
    large.write_bytes(b"a\n" + b"1\n" * 1_500_000)
    with person(page, width=390) as phone, person(page) as desk:
        phone.upload(evil)
        phone.shows("#sf-schema", "DROP TABLE x")
        desk.upload(good)
        desk.shows("#sf-schema", "letter")
        phone.write_sql('SELECT *, id AS "a number under a long heading" FROM evil')
        phone.click("#sf-run")
        phone.shows("#sf-result", "2 rows, 4 columns")
        desk.write_sql("SELECT * FROM evil")
        desk.click("#sf-run")
        desk.shows("#sf-result", "evil")
        assert "2 rows" not in desk.text("#sf-result")
        assert phone.browser.evaluate("window.hurt === undefined")
        assert phone.browser.evaluate("document.documentElement.scrollWidth") <= 390
        desk.upload(bad)
        desk.shows("#sf-notice", "bad.sqlite is not a SQLite database")
        desk.upload(large)
        desk.shows("body", "exceed the maximum")
        assert "letter" in desk.text("#sf-schema")
