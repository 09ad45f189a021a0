"""Predictions of all arms on one loaded base."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sql_ft.base_model import ResolvedModel, load_tokenizer, pick_device, resolve_model
from sql_ft.config import RunConfig
from sql_ft.data.chat import encode_prompt
from sql_ft.errors import ModelError
from sql_ft.generation.apply_adapter import adapter_applied, merges
from sql_ft.generation.engine import Engine
from sql_ft.generation.extract import extract_sql
from sql_ft.generation.greedy import Decoded
from sql_ft.hardware import peak_memory_bytes, pick_threads
from sql_ft.records import Prediction, Progress, Sample

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Arm:
    """One contestant.

    Attributes:
        name: ``base``, ``base_3shot``, ``champion`` or ``candidate``.
        adapter_dir: Adapter folder; None for the base itself.
        examples: Solved samples shown before each question.
    """

    name: str
    adapter_dir: Path | None = None
    examples: tuple[Sample, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class GenerationResult:
    """Predictions and their cost.

    Attributes:
        predictions: Per arm, in the order of the samples.
        stats: Per arm: ``tokens_per_second`` (generated tokens over decoding time),
            ``wall_time_s`` (adapter and decoding), ``prompt_tokens``,
            ``completion_tokens``, ``truncated`` (answers cut at `max_new_tokens`),
            ``shortened_prompts`` (prompts shown fewer examples because the context
            was full), ``peak_memory_bytes`` (of this process, so far).
    """

    predictions: dict[str, list[Prediction]]
    stats: dict[str, dict[str, float]]


def generate_predictions(
    config: RunConfig,
    samples: Sequence[Sample],
    arms: Sequence[Arm],
    progress: Progress | None = None,
) -> GenerationResult:
    """Answer every sample with every arm, greedily.

    The base is loaded once. Arms without an adapter run first, on the untouched base. On
    a CPU an adapter is merged into the dequantized weights and the weights are put back
    afterwards; on a GPU it runs beside the base. `Engine` picks the decoder.

    Args:
        config: `model` and `generation` are used.
        samples: What to answer.
        arms: Unique names.
        progress: Called with answers done and in all, over all arms.

    Raises:
        ModelError: Base or adapter cannot be used, or a prompt does not fit the model.
    """
    names = [arm.name for arm in arms]
    if len(set(names)) != len(names):
        raise ModelError(f"arms share a name: {', '.join(names)}", expected="unique arm names")
    device = pick_device(config.model)
    if device == "cpu":
        import torch

        torch.set_num_threads(pick_threads())
    base = resolve_model(config.model)
    tokenizer = load_tokenizer(config.model)
    answer = _answer_with(config, base, tokenizer, arms)
    total = len(samples) * len(arms)
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, total)

    predictions: dict[str, list[Prediction]] = {}
    stats: dict[str, dict[str, float]] = {}
    for arm in sorted(arms, key=lambda arm: arm.adapter_dir is not None):
        started = time.monotonic()
        encoded = [_fitting_prompt(tokenizer, s, arm.examples, answer.room) for s in samples]
        decoded, seconds = answer.decode([prompt for prompt, _ in encoded], arm, count)
        predictions[arm.name], stats[arm.name] = _collect(
            tokenizer, samples, arm, encoded, decoded, seconds
        )
        stats[arm.name]["wall_time_s"] = time.monotonic() - started
        stats[arm.name]["peak_memory_bytes"] = float(peak_memory_bytes(device))
        logger.info(
            "%s: %d answers, %.0f tokens/s, %.1f s",
            *(arm.name, len(samples), stats[arm.name]["tokens_per_second"]),
            stats[arm.name]["wall_time_s"],
        )
    return GenerationResult(
        predictions={name: predictions[name] for name in names},
        stats={name: stats[name] for name in names},
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Answerer:
    """What answers an arm's prompts.

    Attributes:
        room: Tokens that a prompt may have.
        decode: Prompts, arm and a count of finished rows → answers, and the seconds they took.
    """

    room: int
    decode: Callable[
        [Sequence[Sequence[int]], Arm, Callable[[int], None]], tuple[list[Decoded], float]
    ]


def _answer_with(
    config: RunConfig, base: ResolvedModel, tokenizer: Any, arms: Sequence[Arm]
) -> _Answerer:
    """Load the base into the decoder that is asked for."""
    if config.generation.decoder == "vllm":
        return _answer_with_vllm(config, base, tokenizer, arms)
    engine = Engine(config.model, config.generation)
    model = engine.base_model
    merge = merges(config.model)

    def decode(
        prompts: Sequence[Sequence[int]], arm: Arm, count: Callable[[int], None]
    ) -> tuple[list[Decoded], float]:
        if arm.adapter_dir is None:
            context: contextlib.AbstractContextManager[Any] = contextlib.nullcontext(model)
        else:
            context = adapter_applied(model, arm.adapter_dir, base=base, merge=merge)
        with context as armed:
            started = time.monotonic()
            decoded = engine.decode(
                armed, tokenizer, prompts, with_adapter=arm.adapter_dir is not None, on_batch=count
            )
            return decoded, time.monotonic() - started

    return _Answerer(_room(model.config, config), decode)


def _answer_with_vllm(
    config: RunConfig, base: ResolvedModel, tokenizer: Any, arms: Sequence[Arm]
) -> _Answerer:
    from transformers import AutoConfig

    from sql_ft.generation.vllm_decode import VllmDecoder

    adapters = [arm.adapter_dir for arm in arms if arm.adapter_dir is not None]
    decoder = VllmDecoder(config.model, base, config.generation, adapters)

    def decode(
        prompts: Sequence[Sequence[int]], arm: Arm, count: Callable[[int], None]
    ) -> tuple[list[Decoded], float]:
        started = time.monotonic()
        decoded = decoder.decode(tokenizer, prompts, arm.adapter_dir, count)
        return decoded, time.monotonic() - started

    shape = AutoConfig.from_pretrained(base.path_or_id, trust_remote_code=False)
    return _Answerer(_room(shape, config), decode)


def _room(shape: Any, config: RunConfig) -> int:
    return int(shape.max_position_embeddings) - config.generation.max_new_tokens


def _collect(
    tokenizer: Any,
    samples: Sequence[Sample],
    arm: Arm,
    encoded: Sequence[tuple[list[int], int]],
    decoded: Sequence[Decoded],
    seconds: float,
) -> tuple[list[Prediction], dict[str, float]]:
    prompts = [prompt for prompt, _ in encoded]
    predictions = list(_to_predictions(tokenizer, samples, prompts, decoded, arm.name))
    completion_tokens = sum(p.completion_tokens for p in predictions)
    stats = {
        "tokens_per_second": completion_tokens / max(seconds, 1e-9),
        "prompt_tokens": float(sum(map(len, prompts))),
        "completion_tokens": float(completion_tokens),
        "truncated": float(sum(p.finish_reason == "length" for p in predictions)),
        "shortened_prompts": float(sum(used < len(arm.examples) for _, used in encoded)),
    }
    return predictions, stats


def _to_predictions(
    tokenizer: Any,
    samples: Sequence[Sample],
    prompts: Sequence[Sequence[int]],
    decoded: Sequence[Decoded],
    arm: str,
) -> Iterator[Prediction]:
    texts = tokenizer.batch_decode(
        [row.token_ids for row in decoded],
        skip_special_tokens=True,
        clean_up_tokenization_spaces=False,
    )
    for sample, prompt, row, text in zip(samples, prompts, decoded, texts, strict=True):
        extracted = extract_sql(text)
        yield Prediction(
            sample_id=sample.id,
            arm=arm,
            completion=text,
            predicted_sql=extracted.sql,
            strict_format=extracted.strict,
            prompt_tokens=len(prompt),
            completion_tokens=len(row.token_ids),
            finish_reason=row.finish_reason,
        )


def _fitting_prompt(
    tokenizer: Any, sample: Sample, examples: Sequence[Sample], room: int
) -> tuple[list[int], int]:
    """Encode a prompt with as many examples as the context holds; return it and how many."""
    for used in range(len(examples), -1, -1):
        prompt = encode_prompt(tokenizer, sample, examples[:used])
        if len(prompt) <= room:
            return prompt, used
    raise ModelError(
        f"the prompt of sample {sample.id} has {len(prompt)} tokens; the model's context "
        f"holds {room} beside the answer",
        setting="generation.max_new_tokens",
        expected="shorter answers, or a smaller data.max_length",
    )
