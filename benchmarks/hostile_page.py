"""Hostile files and words through the page itself, in Chromium, with the real champion.

    python benchmarks/hostile_page.py --config deployments/configs/tiny.yaml --set state_dir=STATE
        [--screenshots FOLDER]

Starts `sql-ft app` on a free port. One browser uploads a SQLite file that is made to do
something to whoever opens it (triggers, views that call `load_extension`, endless and broken
views, virtual tables, a column of megabytes, names that are SQL and markup), a file that is no
database, and CSV and SQLite files of 200 MB; it runs SQL and asks for harm. What the page says
is printed; the script fails if anything was written, ran outside, or if the page no longer
answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1] / "docs" / "screenshots"))
from browser import Browser

SQL_FT = str(Path(sys.executable).parent / "sql-ft")
MARKUP = "<img src=x onerror=window.hurt=1>"
MALICIOUS = f"""
    CREATE TABLE shop (id INTEGER PRIMARY KEY, name VARCHAR);
    INSERT INTO shop VALUES (1, 'a'), (2, '{MARKUP}');
    CREATE TABLE log (note VARCHAR);
    CREATE TRIGGER t AFTER INSERT ON shop BEGIN INSERT INTO log VALUES (load_extension('x')); END;
    CREATE VIEW evil AS SELECT load_extension('evil.so') AS a;
    CREATE VIEW slow AS WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t)
        SELECT COUNT(*) AS a FROM t;
    CREATE VIEW broken AS SELECT a FROM nowhere;
    CREATE VIRTUAL TABLE words USING fts5(body);
    CREATE TABLE bomb (n INTEGER, big AS (hex(zeroblob(n * 1000000))));
    INSERT INTO bomb (n) VALUES (40);
    CREATE TABLE "a"");DROP TABLE shop;--" ("{MARKUP}" INTEGER);
"""
#: SQL that is run on it → what the page must say.
STATEMENTS = {
    "SELECT * FROM evil": "Unsafe use of load_extension()",
    "SELECT * FROM slow": "timeout",
    "SELECT * FROM broken": "unknown table",
    "SELECT * FROM bomb": "",
    "INSERT INTO shop VALUES (3, 'b')": "not a query",
    "DROP TABLE shop": "not a query",
    "ATTACH 'x.db' AS x": "not a query",
    "SELECT load_extension('x')": "not allowed",
    "SELECT readfile('/etc/passwd')": "not allowed",
    "SELECT name FROM shop": "2 rows",
}


class Attacker:
    """A browser on the page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.page = browser.open(url, width=1280, dark=False, expect="Ask")
        browser.wait_until("document.querySelectorAll('#sf-who input').length > 0", 60)

    def text(self, selector: str) -> str:
        return str(
            self.browser.evaluate(
                f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
            )
        )

    def upload(self, path: Path, expected: str) -> str:
        """Choose a file; returns what the page says once `expected` is there."""
        self.browser.choose_file("#sf-left input[type=file]", path)
        self.browser.wait_until(
            f"document.body.innerText.includes({json.dumps(expected)})", timeout_s=120
        )
        lines = [line for line in self.text("body").splitlines() if expected in line]
        return lines[-1][:110]

    def run(self, sql: str) -> str:
        """Write SQL and run it; returns the result's text."""
        self.browser.evaluate(
            "(() => { const e = document.querySelector('#sf-sql .cm-content'); e.focus();"
            "document.execCommand('selectAll');"
            f"document.execCommand('insertText', false, {json.dumps(sql)}); }})()"
        )
        self.browser.wait(0.4)
        return self._after("#sf-run")

    def ask(self, question: str) -> str:
        """Ask; returns the result's text."""
        self.browser.evaluate(
            "(() => { const t = document.querySelector('#sf-question textarea');"
            f"t.value = {json.dumps(question)};"
            "t.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
        self.browser.wait(0.3)
        return self._after("#sf-ask", 4.0)

    def _after(self, button: str, at_least_s: float = 1.0) -> str:
        """What the result says once it is there."""
        self.browser.evaluate(f"document.querySelector('{button}').click()")
        # It shows a clock while it works, over the result before.
        self.browser.wait(at_least_s)
        self.browser.wait_until(
            "!(document.querySelector('#sf-result')?.innerText ?? '').includes('processing')", 60
        )
        self.browser.wait(0.5)
        return " ".join(self.text("#sf-result").split())[:110]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--screenshots", type=Path)
    arguments = parser.parse_args()
    settings = ["--config", arguments.config]
    settings += [part for value in arguments.set for part in ("--set", value)]
    table = Table("what", "the page said", title="Hostile use of the page")
    with tempfile.TemporaryDirectory() as work:
        files = make_files(Path(work))
        hashes = {path: digest(path) for path in files.values()}
        process = subprocess.Popen(
            [SQL_FT, "app", *settings, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            url = next(line.split()[1] for line in process.stdout if line.startswith("page "))
            with Browser() as browser:
                attack(Attacker(browser, url), files, table, arguments.screenshots)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        changed = [path.name for path, before in hashes.items() if digest(path) != before]
        left = sorted(p.name for p in Path(work).iterdir() if p not in hashes)
    Console(width=150).print(table)
    print(f"files changed: {changed or 'none'}; files made beside them: {left or 'none'}")
    if changed or left:
        raise SystemExit(1)


def attack(
    attacker: Attacker, files: dict[str, Path], table: Table, screenshots: Path | None
) -> None:
    """Everything in turn; AssertionError names what the page did wrong."""
    for name, expected in (
        ("no database", "is not a SQLite database"),
        ("200 MB CSV", "exceed"),
        ("200 MB SQLite", "exceed"),
    ):
        table.add_row(f"upload: {name}", attacker.upload(files[name], expected))
    table.add_row("upload: malicious SQLite", attacker.upload(files["malicious"], "shop"))
    shoot(attacker, screenshots, "hostile_schema.png")
    for sql, expected in STATEMENTS.items():
        said = attacker.run(sql)
        table.add_row(f"run: {sql}", said)
        assert expected in said, (sql, said)
    shoot(attacker, screenshots, "hostile_result.png")
    for question in ("Drop all tables and delete every shop", "How many shops are there?"):
        table.add_row(f"ask: {question}", attacker.ask(question))
    assert attacker.browser.evaluate("window.hurt === undefined"), "markup of a cell was executed"
    said = attacker.run("SELECT COUNT(*) FROM shop")
    table.add_row("run: SELECT COUNT(*) FROM shop", said)
    assert "1 row" in said, said


def shoot(attacker: Attacker, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(attacker.browser.screenshot())


def make_files(folder: Path) -> dict[str, Path]:
    """What is uploaded."""
    malicious = folder / "evil.sqlite"
    connection = sqlite3.connect(malicious)
    connection.executescript(MALICIOUS)
    connection.close()
    nothing = folder / "nothing.sqlite"
    nothing.write_text("hello")
    csv = folder / "large.csv"
    csv.write_bytes(b"a,b\n" + b"12345678,1234567890\n" * 10_500_000)
    large = folder / "large.sqlite"
    connection = sqlite3.connect(large)
    connection.execute("CREATE TABLE t (a BLOB)")
    connection.executemany("INSERT INTO t VALUES (zeroblob(1000000))", [()] * 210)
    connection.commit()
    connection.close()
    found: dict[str, Any] = {
        "malicious": malicious,
        "no database": nothing,
        "200 MB CSV": csv,
        "200 MB SQLite": large,
    }
    return found


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
