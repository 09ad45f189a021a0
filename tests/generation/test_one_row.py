"""A step of one row: which models have kernels, how weights are gathered, what the kernels say.

The kernels run in Triton's interpreter, on the CPU, where Triton is installed (every GPU build
of PyTorch brings it). The interpreter is chosen when the kernels are defined, so they run in a
process of their own.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from one_row_interpreted import EXPECTED_CASES
from peft import LoraConfig, get_peft_model
from small_training import make_samples, small_config

from sql_ft.base_model import known_deprecations_ignored, load_base, load_tokenizer
from sql_ft.data.chat import encode_prompt
from sql_ft.fused_layers import fuse_query_key_value
from sql_ft.generation import one_row, one_row_weights
from sql_ft.generation.one_row_weights import gather, why_not
from sql_ft.generation.packed_decode import PackedDecoder, make_decoder


@pytest.fixture
def model(base: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: name if name == "triton" else found(name)
    )
    loaded = load_base(small_config(base).model, purpose="generate")
    fuse_query_key_value(loaded)
    return loaded


def _with_adapter(model: Any, **changes: Any) -> Any:
    settings = {
        "r": 3,
        "lora_alpha": 6,
        "target_modules": ["q_proj", "v_proj", "o_proj"],
        "init_lora_weights": False,
        **changes,
    }
    with known_deprecations_ignored():
        return get_peft_model(model, LoraConfig(**settings)).get_base_model()


def test_known_models(model: Any, base: Path) -> None:
    assert why_not(model) is None
    unfused = load_base(small_config(base).model, purpose="generate")
    assert "fuse_query_key_value" in str(why_not(unfused))
    assert why_not(_with_adapter(model)) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gemma2"}, "gemma2"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "dynamic"),
        ({"hidden_size": 10_000}, "10000"),
    ],
)
def test_models_without_kernels(model: Any, change: dict[str, Any], reason: str) -> None:
    for name, value in change.items():
        setattr(model.config, name, value)
    assert reason in str(why_not(model))


@pytest.mark.parametrize(
    "change",
    [
        {"use_dora": True},
        {"target_modules": ["q_proj", "gate_proj"]},
        {"lora_bias": True, "target_modules": ["q_proj"]},
    ],
)
def test_adapters_without_kernels(model: Any, change: dict[str, Any]) -> None:
    assert why_not(_with_adapter(model, **change)) is not None


def test_adapters_that_are_off_or_merged(model: Any) -> None:
    armed = _with_adapter(model)
    projection = armed.model.layers[1].self_attn.v_proj
    projection.enable_adapters(False)
    assert why_not(armed) is not None
    projection.enable_adapters(True)
    assert why_not(armed) is None
    projection.merge()
    assert why_not(armed) is not None


def test_without_triton(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_row_weights.importlib.util, "find_spec", lambda _: None)
    assert why_not(model) == "triton is not installed"


def test_gathered_weights_are_the_layers_own(model: Any) -> None:
    """Query, key and value as one product, the adapter's low-rank parts of unequal rank too."""
    armed = _with_adapter(
        model,
        target_modules=["q_proj", "k_proj", "o_proj"],
        rank_pattern={"k_proj": 5},
        alpha_pattern={"k_proj": 2},
    )
    layer = armed.model.layers[1]
    attention = layer.self_attn
    weights = gather(layer)
    assert weights.qkv.data_ptr() == attention.q_proj.base_layer.weight.data_ptr()
    assert weights.bias is not None
    assert weights.qkv_low is not None
    assert weights.out_low is not None
    x = torch.randn(64)
    low = weights.qkv_low
    parts = (low.a @ x).view(3, low.rank)
    sizes = [len(getattr(attention, f"{n}_proj").base_layer.weight) for n in "qk"]
    sizes.append(len(attention.v_proj.weight))
    part = torch.arange(3).repeat_interleave(torch.tensor(sizes))
    got = weights.qkv @ x + weights.bias + low.scale * (low.b * parts[part]).sum(1)
    expected = torch.cat([getattr(attention, f"{n}_proj")(x[None])[0] for n in "qkv"])
    torch.testing.assert_close(got, expected)
    out = weights.out_low
    got = weights.out @ x + out.scale * (out.b @ (out.a @ x))
    torch.testing.assert_close(got, attention.o_proj(x[None])[0])


def test_a_cpu_decodes_without_them(model: Any) -> None:
    decoder = make_decoder(
        model, [[1, 2, 3]], max_new_tokens=4, batch_size=1, stop_ids=[2], one_row_kernels=True
    )
    assert decoder._one_row is None


def test_rows_judged_together_keep_the_kernels_of_many(
    model: Any, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    class Counting:
        def __init__(self, *_: Any) -> None:
            pass

        def step(self, state: Any, longest: int) -> None:
            steps.append(len(state.tokens))
            state.step.add_(1)

    monkeypatch.setattr("sql_ft.generation.packed_decode.OneRow", Counting)
    tokenizer = load_tokenizer(small_config(base).model)
    prompts = [encode_prompt(tokenizer, sample) for sample in make_samples(3)]
    longest = max(map(len, prompts))
    decoder = PackedDecoder(
        model,
        slots=3,
        slot_tokens=longest + 30,
        max_new_tokens=30,
        # All but one row stop at once, if the model repeats itself.
        stop_ids=list(range(4, 200)),
        graphs=False,
        one_row_kernels=True,
    )
    decoder.decode(prompts)
    assert steps == []
    decoder._stops = torch.tensor([-1])
    decoder.decode(prompts[:1])
    assert steps == [1] * 29


def test_tilings_of_longer_lines_take_fewer() -> None:
    assert one_row._lines("out", 1536) == one_row._lines("out", 256) == 16
    assert one_row._lines("out", 3584) == 8
    assert one_row._lines("gated", 8192) == 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
def test_kernels_in_the_interpreter(base: Path) -> None:
    """Tokens in float32, plain and with an adapter beside, over one chunk and over several."""
    script = Path(__file__).with_name("one_row_interpreted.py")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script), str(base)],
        env={
            **os.environ,
            "TRITON_INTERPRET": "1",
            "PYTHONPATH": os.pathsep.join(
                [str(root), str(root / "tests"), os.environ.get("PYTHONPATH", "")]
            ),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert sorted(found) == sorted(EXPECTED_CASES)
    assert all(case["equal"] for case in found.values()), found
    # The adapter changes what is said, so that leaving it out would show.
    assert found["adapter"]["tokens"] != found["base"]["tokens"]
