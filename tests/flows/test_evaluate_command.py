"""`sql-ft evaluate` and `sql-ft evalset`, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app, report_error
from sql_ft.errors import SqlFtError

Command = Callable[..., subprocess.Popen[str]]
SHOP = "CREATE TABLE item (name VARCHAR, price INTEGER)"
GOLDS = ["SELECT COUNT(*) FROM item WHERE price > 10", "SELECT name FROM item", "SELECT x FROM y"]
ANSWERS = ["SELECT COUNT(*) FROM item WHERE price > 10", "SELECT price FROM item", ""]
QUICK = ["--set", "evaluation.workers=1", "--set", "evaluation.databases_per_sample=2"]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [{"question": "A question?", "context": SHOP, "answer": sql} for sql in GOLDS]
    lines(tmp_path / "rows.jsonl", rows)
    lines(
        tmp_path / "preds.jsonl",
        [{"id": i, "predicted_sql": sql} for i, sql in enumerate(ANSWERS)],
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and everything printed, as `flows.cli.main` would have it."""
    from rich.console import Console

    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, list(arguments))
    output, error = result.output, result.exception
    if isinstance(error, SqlFtError):
        console = Console(width=500)
        with console.capture() as printed:
            report_error(error, console)
        return error.exit_code, output + printed.get()
    assert error is None or isinstance(error, SystemExit), error
    return result.exit_code, output


def test_evaluate_prints_and_writes(folder: Path) -> None:
    code, output = run(
        "evaluate", "--predictions", "preds.jsonl", "--data", "rows.jsonl", "--out", "out", *QUICK
    )
    assert code == 0, output
    assert "1 of 2 questions right: execution accuracy 0.500" in output
    assert "1 set aside" in output
    assert "gold:unknown_table" in output
    for name in ("verdicts.parquet", "summary.json", "report.html"):
        assert (folder / "out" / name).stat().st_size > 500
        assert f"out/{name}" in output


def test_a_set_is_built_inspected_verified_and_used(folder: Path) -> None:
    code, output = run("evalset", "build", "--data", "rows.jsonl", "--out", "set", *QUICK)
    assert code == 0, output
    assert "3, of which 2 can be scored" in output
    code, output = run("evalset", "inspect", "set")
    assert "mutants told apart" in output
    assert "gold:unknown_table" in output
    code, output = run("evalset", "inspect", "set", "--sample", "0")
    assert code == 0
    for text in ("A question?", 'CREATE TABLE "item"', "database g", "gold's result on g"):
        assert text in output
    code, output = run("evalset", "inspect", "set", "--sample", "2")
    assert "set aside" in output
    assert run("evalset", "verify", "set")[0] == 0
    code, output = run(
        "evaluate", "--predictions", "preds.jsonl", "--evaluation-set", "set", "--out", "o", *QUICK
    )
    assert code == 0, output
    assert "1 of 2 questions right" in output
    assert not (folder / "o" / "evaluation_sets").exists()


@pytest.mark.parametrize("name", ["items.parquet", "databases.parquet", "manifest.json"])
def test_verify_names_what_does_not_match(folder: Path, name: str) -> None:
    assert run("evalset", "build", "--data", "rows.jsonl", "--out", "set", *QUICK)[0] == 0
    path = folder / "set" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    for arguments in (
        ["evalset", "verify", "set"],
        ["evalset", "inspect", "set"],
        ["evaluate", "--predictions", "preds.jsonl", "--evaluation-set", "set"],
    ):
        code, output = run(*arguments)
        assert code == 2, output
        assert name.partition(".")[0] in output
        assert "damaged" in output
    path.unlink()
    code, output = run("evalset", "verify", "set")
    assert code == 2
    assert name in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--predictions", "absent.jsonl", "--data", "rows.jsonl"], ["no file", "absent.jsonl"]),
        (["--predictions", "preds.jsonl", "--data", "absent.jsonl"], ["no file", "--data"]),
        (["--predictions", ".", "--data", "rows.jsonl"], ["is a folder", "--predictions"]),
        (["--predictions", "preds.jsonl", "--data", "."], ["is a folder", "--data"]),
        (["--predictions", "preds.jsonl"], ["neither data", "--evaluation-set"]),
        (["--predictions", "preds.jsonl", "--evaluation-set", "."], ["no evaluation set in"]),
        (["--predictions", "bad.jsonl", "--data", "rows.jsonl"], ["row 2 (line 2)", "not JSON"]),
        (["--predictions", "short.jsonl", "--data", "rows.jsonl"], ["without a prediction: 1, 2"]),
        (["--predictions", "empty.jsonl", "--data", "rows.jsonl"], ["holds no rows"]),
        (["--predictions", "preds.jsonl", "--data", "empty.jsonl"], ["holds no rows", "--data"]),
        (["--predictions", "preds.jsonl", "--data", "rows.jsonl", "--layout", "x"], ["--layout"]),
        (["--predictions", "preds.jsonl", "--data", ".", "--layout", "bird"], ["dev.json"]),
        (
            ["--predictions", "preds.jsonl", "--data", "rows.jsonl", "--set", "evaluation.x=1"],
            ["evaluation.x", "unknown setting"],
        ),
    ],
)
def test_bad_input_is_one_clear_error_and_exit_code_2(
    folder: Path, arguments: list[str], words: list[str]
) -> None:
    (folder / "empty.jsonl").write_text("")
    (folder / "bad.jsonl").write_text('{"id": 0, "predicted_sql": "x"}\n{oops\n')
    lines(folder / "short.jsonl", [{"id": 0, "predicted_sql": "x"}])
    code, output = run("evaluate", "--out", "out", *arguments)
    assert code == 2, output
    for word in words:
        assert word in output
    assert not (folder / "out").exists()


def test_build_needs_data(folder: Path) -> None:
    code, output = run("evalset", "build", "--out", "set")
    assert (code, "--data" in output) == (2, True)


def test_inspect_names_the_ids_that_there_are(folder: Path) -> None:
    assert run("evalset", "build", "--data", "rows.jsonl", "--out", "set", *QUICK)[0] == 0
    code, output = run("evalset", "inspect", "set", "--sample", "zz")
    assert code == 2
    assert "'zz'" in output
    assert "0 to 2" in output


def test_another_set_in_the_folder_is_kept(folder: Path) -> None:
    assert run("evalset", "build", "--data", "rows.jsonl", "--out", "set", *QUICK)[0] == 0
    before = (folder / "set" / "items.parquet").read_bytes()
    other = [*QUICK, "--set", "evaluation.database_seed=5"]
    code, output = run("evalset", "build", "--data", "rows.jsonl", "--out", "set", *other)
    assert code == 2
    assert "holds another evaluation set" in output
    assert (folder / "set" / "items.parquet").read_bytes() == before


def test_the_commands_import_nothing_that_trains(folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['sql-ft', 'evaluate', '--predictions', 'preds.jsonl', '--data', 'rows.jsonl',"
        " '--out', 'out', '--set', 'evaluation.workers=1']\n"
        "from flows.cli import app\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'prefect', 'mlflow', 'transformers', 'networkx', 'datasets'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_as_a_process(folder: Path, command: Command) -> None:
    process = command("evaluate", "--predictions", "preds.jsonl", "--data", "nowhere.jsonl")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "nowhere.jsonl" in output
    assert "Traceback" not in output
