"""Packed training is padded training: same loss, same gradients, same adapter."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import small_config
from transformers import set_seed

from sql_ft.base_model import load_tokenizer
from sql_ft.errors import TrainingError
from sql_ft.fused_layers import fuse_lora_layers
from sql_ft.training import packed_trainer
from sql_ft.training.core import build_trainer
from sql_ft.training.dataset import IGNORED, tokenise_rows
from sql_ft.training.hardware import EffectiveSettings, adapt_to_hardware
from sql_ft.training.head_loss import head_loss, softmax_minus_target
from sql_ft.training.packed_trainer import PackedSFTTrainer
from sql_ft.training.threaded_step import ThreadedStep

STEP = {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 2, "max_steps": 4}


def _trainer(
    base: Path,
    rows: Path,
    folder: Path,
    *,
    packing: bool,
    quantization: str = "nf4",
    fused: bool = False,
    passes: int = 1,
    **train: Any,
) -> Any:
    config = small_config(
        base,
        model={"name_or_path": str(base), "device": "cpu", "quantization": quantization},
        train={**STEP, "save_steps": 100, "lora_dropout": 0.0, "packing": packing, **train},
    )
    tokenizer = load_tokenizer(config.model)
    effective, _ = adapt_to_hardware(config, "cpu")
    effective = dataclasses.replace(effective, packing=packing, fused=fused, passes=passes)
    set_seed(1)
    tokenised = tokenise_rows(rows, tokenizer, max_length=512)
    return build_trainer(config, effective, tokenizer, tokenised, folder)


def _losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def _trained(trainer: Any) -> dict[str, torch.Tensor]:
    return {n: p.detach() for n, p in trainer.model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("token_budget", [8192, 150])
def test_packed_training_is_padded_training(
    base: Path, rows: Path, tmp_path: Path, token_budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_trainer, "_CPU_TOKEN_BUDGET", token_budget)
    padded = _trainer(base, rows, tmp_path / "padded", packing=False)
    packed = _trainer(base, rows, tmp_path / "packed", packing=True)
    assert isinstance(packed, PackedSFTTrainer)
    passes = [len(batch["micro_batches"]) for batch in packed.get_train_dataloader()]
    assert (max(passes) > 1) == (token_budget == 150)
    padded.train()
    packed.train()
    assert _losses(packed) == pytest.approx(_losses(padded), abs=1e-5)
    expected = _trained(padded)
    for name, tensor in _trained(packed).items():
        torch.testing.assert_close(tensor, expected[name], atol=5e-5, rtol=1e-3)
    assert packed._total_train_tokens == padded._total_train_tokens
    shares = [
        [entry["mean_token_accuracy"] for entry in trainer.state.log_history if "loss" in entry]
        for trainer in (packed, padded)
    ]
    # Padded, a step's figure is the mean of its two micro-batches' shares.
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_fused_passes_side_by_side_are_padded_training(
    base: Path, rows: Path, tmp_path: Path, quantization: str
) -> None:
    padded = _trainer(base, rows, tmp_path / "a", packing=False, quantization=quantization)
    settings: dict[str, Any] = {"packing": True, "quantization": quantization, "fused": True}
    trainers = [_trainer(base, rows, tmp_path / "b", passes=2, **settings) for _ in range(2)]
    trained = []
    for trainer in (padded, *trainers):
        trainer.train()
        trained.append(_trained(trainer))
    assert isinstance(trainers[0].packed_step, ThreadedStep)
    assert not any(hasattr(p, "quant_state") for p in trainers[0].model.parameters())
    assert _losses(trainers[0]) == pytest.approx(_losses(padded), abs=1e-5)
    for name, tensor in trained[1].items():
        torch.testing.assert_close(tensor, trained[0][name], atol=5e-5, rtol=1e-3)
        assert torch.equal(tensor, trained[2][name]), "the same seed, another adapter"


def test_an_error_in_a_pass_ends_the_step(base: Path, rows: Path, tmp_path: Path) -> None:
    trainer = _trainer(base, rows, tmp_path, packing=True, fused=True, passes=2)
    batch = next(iter(trainer.get_train_dataloader()))
    batch["micro_batches"][1]["input_ids"] += 10**6
    with pytest.raises(IndexError):
        trainer.packed_step.run(batch["micro_batches"], batch["supervised"])
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_fused_lora_layers_compute_what_peft_computes(
    base: Path, rows: Path, tmp_path: Path, quantization: str
) -> None:
    trainer = _trainer(base, rows, tmp_path, packing=True, quantization=quantization)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    trainer.model.train()
    batch = next(iter(trainer.get_train_dataloader()))
    found = []
    for fused in (False, True):
        if fused:
            assert fuse_lora_layers(trainer.model) == 8
        trainer.packed_step.run(batch["micro_batches"], batch["supervised"])
        found.append(
            (
                float(trainer.packed_step.loss),
                [p.grad.clone() for p in trainer.model.parameters() if p.requires_grad],
            )
        )
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for theirs, ours in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-5)


def test_fused_dropout_has_the_gradient_of_its_own_mask(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    """Numerically: the same mask forwards and backwards, scaled to keep the expectation."""
    trainer = _trainer(base, rows, tmp_path, packing=True, quantization="none", lora_dropout=0.5)
    layer = next(
        m for n, m in trainer.model.named_modules() if n.endswith("layers.0.self_attn.q_proj")
    )
    for parameter in layer.parameters():
        parameter.data = parameter.data.double()
    torch.nn.init.normal_(layer.lora_B["default"].weight)
    fuse_lora_layers(trainer.model)
    trainer.model.train()
    x = torch.randn(5, 64, dtype=torch.double, requires_grad=True)

    def run(value: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return layer(value)

    # The adapter's own arithmetic stays in the activations' dtype.
    assert torch.autograd.gradcheck(run, (x,), eps=1e-6, atol=1e-6)
    trainer.model.eval()
    assert torch.equal(layer(x), layer(x))


def test_head_loss_is_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(12, 8, generator=generator, requires_grad=True)
    head = torch.randn(40, 8, generator=generator)
    predicting = torch.tensor([1, 2, 5, 11, 0, 0])
    targets = torch.tensor([3, 39, 0, 7, IGNORED, IGNORED])
    slots = torch.full((12,), 6)
    slots[predicting[:4]] = torch.arange(4)
    reference = torch.nn.functional.cross_entropy(
        hidden[predicting[:4]] @ head.t(), targets[:4], reduction="sum"
    )
    (wanted,) = torch.autograd.grad(reference / 4, hidden)
    for chunk_rows in (1, 4, 100):
        loss, correct = head_loss(hidden, head, predicting, targets, slots, chunk_rows=chunk_rows)
        (got,) = torch.autograd.grad(loss * 0.25, hidden)
        torch.testing.assert_close(loss, reference.detach())
        torch.testing.assert_close(got, wanted)
        right = (hidden[predicting[:4]] @ head.t()).argmax(-1) == targets[:4]
        assert int(correct) == int(right.sum())


def test_rows_without_a_target_have_no_gradient() -> None:
    logits = torch.randn(3, 10)
    loss, right = softmax_minus_target(logits, torch.tensor([IGNORED, 2, IGNORED]))
    assert loss[0] == loss[2] == right[0] == 0
    assert not logits[0].any()
    assert not logits[2].any()
    assert float(logits[1].sum()) == pytest.approx(0.0, abs=1e-6)


def test_a_base_with_a_window_is_refused(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"packing": True})
    tokenizer = load_tokenizer(config.model)
    tokenised = tokenise_rows(rows, tokenizer, max_length=512)

    class Windowed:
        model_type = "windowed"
        layer_types = ("sliding_attention",)

    class Model:
        config = Windowed()

    effective = EffectiveSettings(
        device="cpu",
        optim="adamw_torch",
        precision="fp32",
        packing=True,
        fused=False,
        graphs=False,
        compute_dtype="float32",
        quantization="none",
        threads=1,
    )
    with pytest.raises(TrainingError, match=r"windowed cannot be packed.*train\.packing"):
        packed_trainer.prepare_packed_base(config, effective, Model(), tokenised)


def test_what_runs_on_a_gpu(base: Path) -> None:
    fast = small_config(
        base, model={"compute_dtype": "bfloat16"}, train={"packing": True, "precision": "auto"}
    )
    effective, notes = adapt_to_hardware(fast, "cuda")
    assert notes == []
    assert (effective.packing, effective.fused, effective.graphs) == (True, True, True)
    off = small_config(
        base,
        model={"compute_dtype": "bfloat16"},
        train={"packing": True, "fused_kernels": "off"},
    )
    effective, _ = adapt_to_hardware(off, "cuda")
    assert (effective.packing, effective.fused, effective.graphs) == (True, False, False)
    padded, _ = adapt_to_hardware(small_config(base, model={"compute_dtype": "bfloat16"}), "cuda")
    assert not padded.fused
