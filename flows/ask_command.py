"""`sql-ft ask`: one question on a live database, or many, one a line."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import JsonOption
from sql_ft.config import RunConfig, load_config
from sql_ft.errors import ConfigError, SqlFtError

if TYPE_CHECKING:
    from rich.console import Console

    from sql_ft.serving.agent import Agent, AgentAnswer, Step
    from sql_ft.serving.predictor import Predictor
    from sql_ft.tracking.traces import MlflowTracer


class Repair(enum.StrEnum):
    """`AgentOptions.repair`."""

    NEXT_BEST = "next_best"
    FEEDBACK = "feedback"


_SHOWN_ROWS = 50
_SHOWN_CHARS = 200


def ask(
    db: Annotated[Path, typer.Option(help="SQLite or DuckDB file; it is only read.")],
    question: Annotated[
        str | None,
        typer.Argument(help="Left out: questions are read from standard input, one a line."),
    ] = None,
    alias: Annotated[str, typer.Option(help="Who answers: champion, candidate, previous.")] = (
        "champion"
    ),
    version: Annotated[int | None, typer.Option(help="This version instead of an alias.")] = None,
    base: Annotated[bool, typer.Option("--base", help="The base model, no adapter.")] = False,
    attempts: Annotated[
        int, typer.Option(min=1, max=10, help="Most times the model is asked; 1: no repair.")
    ] = 3,
    candidates: Annotated[
        int, typer.Option(min=1, max=16, help="Above 1: their results vote.")
    ] = 1,
    repair: Annotated[
        Repair, typer.Option(help="next_best: its next most likely query; feedback: told why.")
    ] = Repair.NEXT_BEST,
    max_rows: Annotated[int, typer.Option(min=1, help="Rows read; more are cut.")] = 1000,
    timeout_s: Annotated[float, typer.Option(min=0.1, help="Longest query.")] = 5.0,
    steps: Annotated[bool, typer.Option("--steps", help="Show every step.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Keep every step in MLflow.")] = False,
    json_: JsonOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Ask a question; print the SQL, its result and the time it took."""
    settings = load_config(config, set_ or ())
    check_one_answerer(base=base, version=version)
    from flows.logging_setup import configure_process

    configure_process(verbose)
    from sql_ft.serving.agent import Agent, AgentOptions
    from sql_ft.serving.live_database import QueryLimits, open_database

    limits = QueryLimits(timeout_s=timeout_s, max_rows=max_rows)
    # Before a model is loaded: a mistyped file is known at once.
    with open_database(db, limits) as database:
        predictor = load_predictor(settings, alias=alias, version=version, base=base)
        tracer = _open_tracer(settings, predictor, db) if trace else None
        options = AgentOptions(attempts=attempts, candidates=candidates, repair=repair.value)
        agent = Agent(predictor, database, options, tracer=tracer)
        try:
            answered = _answer_all(agent, question, json_=json_, steps=steps)
        finally:
            if tracer is not None:
                tracer.flush()
    if not answered:
        raise typer.Exit(1)


def check_one_answerer(*, base: bool, version: int | None) -> None:
    """Refuse both, before a model or a database is opened.

    Raises:
        ConfigError: Both are given.
    """
    if base and version is not None:
        raise ConfigError("--base and --version", expected="one of them")


def load_predictor(
    settings: RunConfig, *, alias: str, version: int | None, base: bool
) -> Predictor:
    """Load whoever is to answer; the base needs no registry.

    Raises:
        TrackingError: There is no such version.
        ModelError: It cannot be loaded.
    """
    from sql_ft.serving.predictor import Predictor

    if base:
        return Predictor.from_base(settings)
    if version is not None:
        return Predictor.from_version(version, settings)
    return Predictor.from_alias(alias, settings)


def _open_tracer(settings: RunConfig, predictor: Predictor, db: Path) -> MlflowTracer:
    from sql_ft.tracking.store import prepare_store
    from sql_ft.tracking.traces import MlflowTracer

    store = prepare_store(settings.resolved_tracking_uri, settings.state_path)
    tags = {"sql_ft.model": predictor.label, "sql_ft.database": db.name}
    return MlflowTracer(store, settings.tracking.experiment, tags=tags)


def _answer_all(agent: Agent, question: str | None, *, json_: bool, steps: bool) -> bool:
    """True if every question has a result; a question that fails does not end the others."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    if question is not None:
        return _answer_one(agent, question, console, json_=json_, steps=steps)
    from flows.cli import report_error

    fine = True
    for line in _lines(errors):
        try:
            fine &= _answer_one(agent, line, console, json_=json_, steps=steps)
        except SqlFtError as error:
            report_error(error, errors)
            fine = False
    return fine


def _lines(errors: Console) -> Iterator[str]:
    while True:
        if sys.stdin.isatty():
            errors.print("question> ", end="", style="bold")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _answer_one(agent: Agent, question: str, console: Console, *, json_: bool, steps: bool) -> bool:
    def show(step: Step) -> None:
        if steps and step.answer is None:
            mark = " " if step.ok else "!"
            where = f"{step.attempt}" if step.attempt else " "
            text = printable(step.text)
            console.print(f"{mark} {where} {step.kind.value:<10}", text, markup=False, style="dim")

    answer = agent.ask(question, on_step=None if json_ else show)
    if json_:
        import json

        # One document a line, so that answers to many questions can be read one by one.
        print(json.dumps(to_json(answer), ensure_ascii=False, default=str), flush=True)
    else:
        _print_answer(answer, console)
    return answer.ok


def to_json(answer: AgentAnswer) -> dict[str, Any]:
    """The answer as `--json` prints it."""
    return {
        "question": answer.question,
        "sql": answer.sql,
        "status": answer.result.status.value,
        "error": answer.result.error,
        "columns": list(answer.result.columns),
        "rows": [list(row) for row in answer.result.rows],
        "truncated": answer.result.truncated,
        "model": answer.model,
        "attempts": answer.attempts,
        "repaired": answer.repaired,
        "duration_s": round(answer.duration_s, 3),
        "steps": [
            {
                "kind": step.kind.value,
                "attempt": step.attempt,
                "ok": step.ok,
                "text": step.text,
                "sql": step.sql,
                "duration_s": round(step.duration_s, 3),
            }
            for step in answer.steps
        ],
    }


def _print_answer(answer: AgentAnswer, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sql_ft.evaluation.result_text import format_cell

    result = answer.result
    console.print(printable(answer.sql) or "(no SQL)", markup=False, style="bold")
    if result.ok:
        table = Table(box=box.SIMPLE_HEAD)
        for column in result.columns:
            table.add_column(Text(printable(column)), overflow="fold")
        for row in result.rows[:_SHOWN_ROWS]:
            table.add_row(*(Text(printable(format_cell(v)[:_SHOWN_CHARS])) for v in row))
        console.print(table)
        rest = len(result.rows) - _SHOWN_ROWS
        if rest > 0 or result.truncated:
            least = "at least " if result.truncated else ""
            console.print(f"… {least}{max(rest, 1)} more rows", style="dim")
    else:
        console.print(
            f"{result.status.value}: {printable(result.error)}", markup=False, style="red"
        )
    tries = f"{answer.attempts} attempts" if answer.attempts > 1 else "1 attempt"
    repaired = ", repaired" if answer.repaired else ""
    console.print(
        f"{answer.duration_s:.2f} s · {answer.model} · {tries}{repaired}", markup=False, style="dim"
    )


def printable(text: str) -> str:
    """Text without what a terminal would obey: cells and names come from anybody."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
