"""Memory is counted: budgets grow with it, recomputation comes last, too little is an error."""

import dataclasses
from pathlib import Path

import pytest
from small_training import small_config

from sql_ft.base_model import load_base
from sql_ft.config import load_config
from sql_ft.errors import ConfigError, TrainingError
from sql_ft.training.flatten import rounding
from sql_ft.training.memory_plan import GIB, ModelSizes, expected_bytes, held_bytes, plan_memory

CONFIGS = Path(__file__).parents[2] / "deployments" / "configs"

# Qwen2.5-1.5B in NF4, adapter on the attention's four projections.
QWEN = ModelSizes(
    layers=28,
    hidden=1536,
    intermediate=8960,
    query=1536,
    key_value=256,
    vocabulary=151_936,
    base_bytes=int(1.12 * GIB),
    widest_layer=1536 * 8960,
    adapter_parameters=4_358_144,
    targets=("k_proj", "o_proj", "q_proj", "v_proj"),
)


def test_bytes_of_a_token_by_hand() -> None:
    h, i, kv = 1536, 8960, 256
    kept = (2 * h + 2 * h + 2 * kv + 2 * i) * 2 + h * 2  # and the input of q, k, v
    masks = 4 * h
    assert QWEN.layer_bytes_per_token == kept + masks
    with_mlp = dataclasses.replace(QWEN, targets=(*QWEN.targets, "down_proj"))
    assert with_mlp.layer_bytes_per_token == QWEN.layer_bytes_per_token + 2 * i + i


@pytest.mark.parametrize("limit_gb", [3.25, 6.5, 16.0, 24.0, 80.0])
def test_a_full_pass_stays_below_the_limit(limit_gb: float) -> None:
    plan = plan_memory(QWEN, int(limit_gb * GIB), longest=400, step_tokens=30_000)
    full = expected_bytes(
        QWEN,
        plan.token_budget,
        checkpointing=plan.checkpointing,
        chunk_rows=plan.chunk_rows,
        captured=plan.graphs,
    )
    assert full <= limit_gb * GIB
    assert plan.pass_bytes < plan.expected_bytes <= full
    assert not plan.checkpointing
    assert plan.graphs
    assert plan.token_budget % rounding(plan.token_budget) == 0


def test_budgets_grow_with_memory() -> None:
    budgets = [
        plan_memory(QWEN, int(gb * GIB), longest=400, step_tokens=30_000).token_budget
        for gb in (3.25, 5, 8, 12, 16, 40)
    ]
    assert budgets == sorted(budgets)
    assert len(set(budgets)) > 3


def test_recomputation_only_where_it_must_be() -> None:
    tight = plan_memory(QWEN, int(2.4 * GIB), longest=400, step_tokens=30_000)
    assert tight.checkpointing
    assert not tight.graphs
    assert tight.token_budget >= 400
    asked = plan_memory(QWEN, 40 * GIB, longest=400, step_tokens=30_000, always_checkpoint=True)
    assert asked.checkpointing


def test_without_graphs_passes_are_longer() -> None:
    without = plan_memory(QWEN, 80 * GIB, longest=400, step_tokens=30_000, graphs=False)
    assert not without.graphs
    captured = plan_memory(QWEN, 30 * GIB, longest=400, step_tokens=30_000)
    without = plan_memory(QWEN, 30 * GIB, longest=400, step_tokens=30_000, graphs=False)
    # Graphs of several shapes leave gaps, for which there is room.
    assert captured.graphs
    assert without.token_budget > captured.token_budget


def test_a_row_that_does_not_fit_is_an_error_with_the_figure() -> None:
    with pytest.raises(TrainingError, match=r"row of 4000 tokens.*GiB.*train\.memory_limit_gb"):
        plan_memory(QWEN, int(1.6 * GIB), longest=4000, step_tokens=30_000)


def test_sizes_are_read_off_the_model(base: Path) -> None:
    model = load_base(small_config(base).model, purpose="train")
    sizes = ModelSizes.of(model, ("q_proj", "v_proj"), rank=4, itemsize=4)
    assert (sizes.layers, sizes.hidden, sizes.query, sizes.key_value) == (2, 64, 64, 32)
    assert sizes.adapter_parameters == 2 * 4 * ((64 + 64) + (64 + 32))
    assert sizes.widest_layer == 64 * 128
    assert sizes.targets == ("q_proj", "v_proj")
    plain = load_base(small_config(base, model={"quantization": "none"}).model, purpose="train")
    assert held_bytes(plain) == 4 * sum(p.numel() for p in plain.parameters())
    assert held_bytes(model) < held_bytes(plain)


def test_a_limit_without_packing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train.*memory_limit_gb needs train\.packing"):
        load_config(None, ["train.memory_limit_gb=8"])
    with pytest.raises(ConfigError, match=r"train\.memory_limit_gb"):
        load_config(None, ["train.packing=true", "train.memory_limit_gb=-1"])
    with pytest.raises(ConfigError, match=r"train\.fused_kernels"):
        load_config(None, ["train.fused_kernels=sometimes"])


@pytest.mark.parametrize("name", ["fast", "fast_large", "consumer_8gb", "consumer_4gb"])
def test_presets_load_and_are_packed(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    recipe = load_config(CONFIGS / "write_up.yaml")
    assert config.train.packing
    assert config.train.fused_kernels == "auto"
    for setting in ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "num_train_epochs"):
        assert getattr(config.train, setting) == getattr(recipe.train, setting)
    rows = [
        c.train.per_device_train_batch_size * c.train.gradient_accumulation_steps
        for c in (config, recipe)
    ]
    if name != "fast_large":
        assert rows[0] == rows[1]
        assert config.train.learning_rate == recipe.train.learning_rate
    limit = {"consumer_8gb": 8, "consumer_4gb": 4}.get(name)
    if limit:
        assert config.train.memory_limit_gb < limit


def test_yaml_s_off_is_off() -> None:
    config = load_config(None, ["train.cuda_graphs=off", "train.unpack_base=off"])
    assert (config.train.cuda_graphs, config.train.unpack_base) == ("off", "off")
