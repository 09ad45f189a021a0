"""Published questions: read, frozen into an evaluation set, cut to what the model can hold."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import DataConfig, RunConfig
from sql_ft.config_questions import BenchmarkConfig
from sql_ft.records import Sample, read_jsonl, write_jsonl
from sql_ft.stage_cache import code_digest, open_stage, stage_key
from tasks.policies import BACK_OFF_S, retry_if_transient
from tasks.progress import report_progress

if TYPE_CHECKING:
    from sql_ft.standalone import Questions


@task(
    name="freeze-benchmark",
    retries=2,
    retry_delay_seconds=BACK_OFF_S[:2],
    retry_condition_fn=retry_if_transient,
    timeout_seconds=4 * 3600,
)
def freeze_benchmark(
    config: RunConfig, benchmark: BenchmarkConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the questions and freeze them; golds that can judge nothing are set aside.

    Returns:
        The questions (``eval_path``, ``eval_hash``, ``label``, …) and the evaluation set, as
        `tasks.evaluate.build_evaluation_set` describes it.
    """
    from sql_ft.standalone import build_set
    from sql_ft.standalone.questions import set_key

    logger = get_run_logger()
    questions, source = _read(config, benchmark)
    asked = _sample(questions, benchmark)
    label = asked.origin
    if len(asked.samples) < len(questions.samples):
        label += f", {len(asked.samples)} of {len(questions.samples)}, seed {benchmark.seed}"
    key = stage_key(
        questions=set_key(asked, config.evaluation), code=code_digest("execution", "evaluation")
    )
    with open_stage(config.state_path, "benchmarks", key) as stage:
        eval_path = stage.path / "eval.jsonl"
        eval_hash = write_jsonl(eval_path, asked.samples)
        with report_progress("building databases", "steps") as progress:
            built = build_set(asked, config.evaluation, stage.path / "evaluation_set", progress)
    excluded = {reason: len(ids) for reason, ids in built.excluded.items()}
    logger.info(
        "%s: %d of %d questions can be told right from wrong%s",
        label,
        len(built.items),
        len(asked.samples),
        f"; set aside: {excluded}" if excluded else "",
    )
    described = {
        "eval_path": str(eval_path),
        "eval_hash": eval_hash,
        "label": label,
        "benchmark": label,
        "layout": benchmark.layout,
        "n": len(asked.samples),
        "databases": len(asked.databases),
        "databases_root": _databases_root(benchmark),
        "capped_tables": sum(len(real.capped) for real in asked.databases.values()),
        **source,
    }
    return described, {
        "path": str(stage.path / "evaluation_set"),
        "hash": built.hash,
        "n": len(asked.samples),
        "n_scored": len(built.items),
        "excluded": excluded,
    }


@task(
    name="fit-prompts",
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=3600,
)
def fit_prompts(
    config: RunConfig, base: dict[str, Any], questions: dict[str, Any]
) -> dict[str, Any]:
    """Write what the model is shown: the whole schema, or the likeliest tables of a long one.

    Returns:
        The questions with ``prompts_path`` and ``cut``: how many schemas were cut, by how
        many tables in all, and the tokens that a prompt may have.
    """
    from sql_ft.base_model import context_length, load_tokenizer
    from sql_ft.data.chat import encode_prompt, question_text
    from sql_ft.data.schema_cut import cut_schema

    tokenizer = load_tokenizer(config.model)
    room = context_length(config.model) - config.generation.max_new_tokens
    left_out: Counter[str] = Counter()

    def fit(sample: Sample) -> Sample:
        def fits(context: str) -> bool:
            prompt = encode_prompt(tokenizer, dataclasses.replace(sample, context=context))
            return len(prompt) <= room

        cut = cut_schema(sample.context, question_text(sample), fits)
        if cut.left_out:
            left_out[sample.id] += len(cut.left_out)
        return dataclasses.replace(sample, context=cut.context)

    path = Path(questions["eval_path"])
    shown = [fit(sample) for sample in read_jsonl(path, Sample)]
    key = stage_key(base=base, room=room, code=code_digest("data"))
    prompts_path = path.with_name(f"prompts-{key}.jsonl")
    write_jsonl(prompts_path, shown)
    if left_out:
        get_run_logger().info(
            "%d of %d schemas do not fit beside the answer in %d tokens: the likeliest tables "
            "are shown, %d tables are left out in all",
            len(left_out),
            len(shown),
            room,
            left_out.total(),
        )
    return {
        **questions,
        "prompts_path": str(prompts_path),
        "cut": {"questions": len(left_out), "tables": left_out.total(), "room_tokens": room},
    }


def _databases_root(benchmark: BenchmarkConfig) -> str:
    """The folder with databases as files; "" where the layout has none."""
    if benchmark.path is None or benchmark.layout not in ("spider", "bird"):
        return ""
    place = Path(benchmark.path).expanduser().resolve()
    return str(place if place.is_dir() else place.parent)


def _read(config: RunConfig, benchmark: BenchmarkConfig) -> tuple[Questions, dict[str, Any]]:
    from sql_ft.standalone import load_questions

    if benchmark.hub_id is not None:
        return _read_hub(config, benchmark, benchmark.hub_id)
    with report_progress("reading databases", "databases") as progress:
        questions = load_questions(
            str(benchmark.path),
            benchmark.layout,
            _columns(config),
            dialect=config.evaluation.dialect,
            progress=progress,
        )
    return questions, {"kind": "file", "origin": questions.origin, "revision": ""}


def _columns(config: RunConfig) -> DataConfig:
    """Names of the columns; those that only a split needs are not asked of published rows."""
    return config.data.model_copy(update={"disjoint_columns": ()})


def _read_hub(
    config: RunConfig, benchmark: BenchmarkConfig, hub_id: str
) -> tuple[Questions, dict[str, Any]]:
    """The hub's rows, as a file of them would be read."""
    from sql_ft.data.sources import load_rows
    from sql_ft.standalone import load_questions

    columns = config.data.model_dump(include={"question_column", "context_column", "answer_column"})
    loaded = load_rows(
        DataConfig(source="hub", hub_id=hub_id, hub_revision=benchmark.hub_revision, **columns)
    )
    with open_stage(config.state_path, "benchmarks", f"hub-{loaded.digest[:24]}") as stage:
        path = stage.path / "rows.jsonl"
        lines = (json.dumps(row, ensure_ascii=False, default=str) for row in loaded.rows)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        questions = load_questions(path, "sql-create-context", _columns(config))
    return (
        dataclasses.replace(questions, origin=hub_id),
        {"kind": "hub", "origin": hub_id, "revision": loaded.revision},
    )


def _sample(questions: Questions, benchmark: BenchmarkConfig) -> Questions:
    """A seeded sample in the file's order, with the databases that it needs."""
    from sql_ft.data.split import shuffled_order

    if benchmark.rows is None or benchmark.rows >= len(questions.samples):
        return questions
    order = shuffled_order(len(questions.samples), benchmark.seed)
    chosen = [questions.samples[place] for place in sorted(order[: benchmark.rows])]
    groups = {sample.schema_group for sample in chosen}
    return dataclasses.replace(
        questions,
        samples=chosen,
        databases={name: real for name, real in questions.databases.items() if name in groups},
    )
