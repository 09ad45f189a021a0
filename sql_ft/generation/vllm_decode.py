"""Decoding by vLLM, for those who have it: `generation.decoder: vllm`, extra ``vllm``.

Of evaluation alone. What serves a version decodes as `padded` does, so before an adapter moves
to champion its served answers are held against the ones that vLLM gave, as any others: where
16 bits decide a near-tie otherwise, the version is refused. Written after vLLM's documentation
of `LLM.generate` and tested against a stand-in of it; never run on the real one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sql_ft.base_model import ResolvedModel, compute_dtype, pick_device, stop_ids
from sql_ft.config import GenerationConfig, ModelConfig
from sql_ft.errors import ModelError
from sql_ft.generation.greedy import Decoded

# The sizes that vLLM's LoRA kernels take.
_MAX_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class VllmDecoder:
    """vLLM's engine over one base, asked with one adapter or none at a time.

    Args:
        model: Which base, held how; NF4 is bitsandbytes' in vLLM too.
        base: `model`, found.
        generation: `max_new_tokens` and `batch_size` (rows in flight) are used.
        adapters: Every adapter that will be asked for.

    Raises:
        ModelError: vLLM is not installed, there is no GPU, or it refuses the base.
    """

    def __init__(
        self,
        model: ModelConfig,
        base: ResolvedModel,
        generation: GenerationConfig,
        adapters: Sequence[Path],
    ) -> None:
        self._generation = generation
        self._numbers = {path: number for number, path in enumerate(adapters, 1)}
        device = pick_device(model)
        if device != "cuda":
            raise ModelError(
                f"vllm on device {device}", setting="generation.decoder", expected="a CUDA GPU"
            )
        vllm = _import()
        options: dict[str, Any] = {}
        if adapters:
            options = {"enable_lora": True, "max_loras": 1, "max_lora_rank": _max_rank(adapters)}
        if model.quantization == "nf4":
            options["quantization"] = "bitsandbytes"
        try:
            self._llm = vllm.LLM(
                model=base.path_or_id,
                dtype=str(compute_dtype(model, device)).removeprefix("torch."),
                trust_remote_code=False,
                seed=0,
                max_num_seqs=generation.batch_size,
                **options,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"vllm cannot load {base.label}: {error}", setting="model.name_or_path"
            ) from error
        self._sampling = vllm.SamplingParams
        self._lora = _import("vllm.lora.request").LoRARequest if adapters else None

    def decode(
        self,
        tokenizer: Any,
        prompts: Sequence[Sequence[int]],
        adapter: Path | None,
        on_batch: Callable[[int], None] | None = None,
    ) -> list[Decoded]:
        """Decode every prompt greedily; results are in the order of `prompts`.

        Args:
            tokenizer: The base model's.
            prompts: Token ids of each prompt.
            adapter: One of those named at the start, or None.
            on_batch: Called once, with the number of rows.
        """
        sampling = self._sampling(
            temperature=0.0,
            max_tokens=self._generation.max_new_tokens,
            # The one that ended an answer is among its token ids, as with the other decoders.
            stop_token_ids=stop_ids(tokenizer),
            detokenize=False,
        )
        request = None
        if adapter is not None:
            assert self._lora is not None
            number = self._numbers[adapter]
            request = self._lora(f"adapter-{number}", number, str(adapter))
        answers = self._llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt in prompts],
            sampling,
            lora_request=request,
            use_tqdm=False,
        )
        if on_batch is not None:
            on_batch(len(prompts))
        return [_to_decoded(answer.outputs[0]) for answer in answers]


def _to_decoded(output: Any) -> Decoded:
    finish = str(output.finish_reason)
    if finish not in ("stop", "length"):
        raise ModelError(f"vllm ended an answer with {finish!r}", expected="stop or length")
    return Decoded(list(output.token_ids), finish)


def _import(name: str = "vllm") -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(
            f"{name} cannot be imported: {error}",
            setting="generation.decoder",
            expected="pip install 'sql-ft[vllm]', or another decoder",
        ) from error


def _max_rank(adapters: Sequence[Path]) -> int:
    ranks = []
    for path in adapters:
        config = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        ranks.append(int(config["r"]))
    largest = max(ranks)
    fitting = [rank for rank in _MAX_RANKS if rank >= largest]
    if not fitting:
        raise ModelError(
            f"an adapter of rank {largest}",
            setting="generation.decoder",
            expected=f"at most {_MAX_RANKS[-1]} with vllm",
        )
    return fitting[0]
