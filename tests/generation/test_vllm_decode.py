"""vLLM's decoder against a stand-in of vLLM: what it is asked, and what becomes of its answers.

The stand-in keeps to the signatures of vLLM's documentation, and answers with `transformers`
itself on the real base and adapter, so that a prompt, an adapter or an order that went astray
shows as another answer. The real vLLM was never run here.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from small_training import make_samples, small_config
from stock_generate import generate_stock
from transformers import AutoModelForCausalLM

from sql_ft.errors import ModelError
from sql_ft.generation import vllm_decode
from sql_ft.generation.decode import Arm, generate_predictions

SAMPLES = make_samples(5)


@dataclasses.dataclass
class SamplingParams:
    temperature: float = 1.0
    max_tokens: int | None = 16
    stop_token_ids: list[int] | None = None
    detokenize: bool = True


@dataclasses.dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str


class LLM:
    started: list[dict[str, Any]] = []  # noqa: RUF012

    def __init__(self, model: str, **options: Any) -> None:
        type(self).started.append(options)
        self._path = model

    def generate(
        self,
        prompts: list[dict[str, list[int]]],
        sampling_params: SamplingParams,
        *,
        lora_request: LoRARequest | None = None,
        use_tqdm: bool = True,
    ) -> list[Any]:
        assert sampling_params.temperature == 0.0
        model = AutoModelForCausalLM.from_pretrained(self._path, dtype="float32")
        if lora_request is not None:
            model = PeftModel.from_pretrained(model, lora_request.lora_path)
        stops = list(sampling_params.stop_token_ids or ())
        answers = []
        for prompt in prompts:
            ids = generate_stock(
                model, prompt["prompt_token_ids"], stops, sampling_params.max_tokens or 0
            )
            reason = "stop" if ids[-1] in stops else "length"
            output = types.SimpleNamespace(token_ids=tuple(ids), finish_reason=reason)
            answers.append(types.SimpleNamespace(outputs=[output]))
        return answers


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> type[LLM]:
    LLM.started.clear()
    module, lora = types.ModuleType("vllm"), types.ModuleType("vllm.lora.request")
    module.LLM, module.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    lora.LoRARequest = LoRARequest  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.lora", types.ModuleType("vllm.lora"))
    monkeypatch.setitem(sys.modules, "vllm.lora.request", lora)
    monkeypatch.setattr(vllm_decode, "pick_device", lambda model: "cuda")
    return LLM


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_arms_answer_as_without_it(base: Path, adapter: Path, vllm: type[LLM]) -> None:
    arms = [Arm("candidate", adapter), Arm("base"), Arm("base_3shot", None, tuple(SAMPLES[3:]))]
    # In float32 the two are the same arithmetic.
    asked = {"model": {"quantization": "none", "compute_dtype": "float32"}}
    plain = generate_predictions(small_config(base, **asked), SAMPLES, arms)
    by_vllm = generate_predictions(
        small_config(base, **asked, generation={"decoder": "vllm"}), SAMPLES, arms
    )
    assert by_vllm.predictions == plain.predictions
    assert by_vllm.predictions["candidate"] != by_vllm.predictions["base"]
    (options,) = vllm.started
    assert options["enable_lora"]
    assert options["max_lora_rank"] == 8
    assert options["dtype"] == "float32"
    assert options["trust_remote_code"] is False
    assert "quantization" not in options


def test_nf4_is_asked_for(base: Path, vllm: type[LLM]) -> None:
    config = small_config(base, generation={"decoder": "vllm"}, model={"quantization": "nf4"})
    generate_predictions(config, SAMPLES[:1], [Arm("base")])
    (options,) = vllm.started
    assert options["quantization"] == "bitsandbytes"
    assert "enable_lora" not in options


def test_without_a_gpu_it_says_so(base: Path) -> None:
    config = small_config(base, generation={"decoder": "vllm"})
    with pytest.raises(ModelError, match=r"device cpu.*generation\.decoder"):
        generate_predictions(config, SAMPLES[:1], [Arm("base")])


def test_without_vllm_it_says_how_to_get_it(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_decode, "pick_device", lambda model: "cuda")
    monkeypatch.setitem(sys.modules, "vllm", None)
    config = small_config(base, generation={"decoder": "vllm"})
    with pytest.raises(ModelError, match="cannot be imported") as caught:
        generate_predictions(config, SAMPLES[:1], [Arm("base")])
    assert "sql-ft[vllm]" in str(caught.value)


def test_an_answer_that_ended_otherwise_is_an_error() -> None:
    output = types.SimpleNamespace(token_ids=(1,), finish_reason="abort")
    with pytest.raises(ModelError, match="abort"):
        vllm_decode._to_decoded(output)
