"""The training itself, in this process, on the random tiny model."""

import itertools
import json
import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file
from small_training import MemorySink, make_samples, small_config, write_rows

from sql_ft.base_model import end_of_turn_id, load_base, load_tokenizer, pick_device
from sql_ft.config import ModelConfig
from sql_ft.errors import TrainingError
from sql_ft.records import Sample, write_jsonl
from sql_ft.training import core
from sql_ft.training.adapter import hash_adapter
from sql_ft.training.core import build_trainer, run_training
from sql_ft.training.dataset import tokenise_rows
from sql_ft.training.hardware import adapt_to_hardware
from sql_ft.training.result import MAX_CURVE_POINTS, TrainResult, read_loss_curve
from sql_ft.training.sft import LeanSFTTrainer

Finished = tuple[TrainResult, MemorySink, Path]


def test_reports_the_curve_and_a_summary(finished: Finished) -> None:
    result, sink, _ = finished
    assert [step for step, _ in sink.curve("train/loss")] == list(range(1, 9))
    for name in ("train/loss", "train/grad_norm", "train/tokens_per_second"):
        assert all(math.isfinite(v) and v > 0 for _, v in sink.curve(name))
    rates = [rate for _, rate in sink.curve("train/learning_rate")]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(5e-3)
    assert sink.curve("train/loss")[-1][1] < sink.curve("train/loss")[0][1]
    assert sink.summary["train/trainable_parameters"] == result.trainable_parameters
    assert sink.summary["train/peak_memory_bytes"] > 50e6
    assert sink.summary["train/wall_time_s"] > sink.summary["train/train_time_s"] > 0
    assert sink.params["effective.device"] == "cpu"
    assert list(result.loss_curve) == sink.curve("train/loss")


def test_counts_what_it_trained(finished: Finished) -> None:
    result, _, _ = finished
    # r·(in + out) of q, k, v, o in two layers: hidden 64, key-value width 32.
    assert result.trainable_parameters == 2 * 4 * (128 + 96 + 96 + 128)
    assert (result.steps, result.train_rows, result.resumed_from_step) == (8, 16, 0)
    tensors = load_file(Path(result.adapter_dir) / "adapter_model.safetensors")
    assert sum(t.numel() for t in tensors.values()) == result.trainable_parameters
    assert {t.dtype for t in tensors.values()} == {torch.float32}
    assert all("lora_" in name for name in tensors)
    assert TrainResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    history = [{"step": n, "loss": 1.0 / n} for n in range(1, 1802)]
    curve = read_loss_curve([*history, {"step": 1801, "train_loss": 0.1}])
    assert len(curve) <= MAX_CURVE_POINTS
    assert curve[-1] == (1801, 1.0 / 1801)
    assert {b - a for (a, _), (b, _) in itertools.pairwise(curve)} == {4}
    assert read_loss_curve([]) == ()


def test_total_tokens_are_all_tokens_of_all_epochs(finished: Finished, base: Path) -> None:
    result, _, _ = finished
    tokenizer = load_tokenizer(small_config(base).model)
    rows = tokenise_rows(_rows_of(finished), tokenizer, max_length=512)
    assert result.total_tokens == 2 * rows.total_tokens
    assert result.supervised_tokens == rows.supervised_tokens


def test_adapter_names_its_base_without_a_path(finished: Finished, base: Path) -> None:
    result, _, _ = finished
    folder = Path(result.adapter_dir)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == base.name
    assert config["revision"] == result.base_revision
    assert config["target_modules"] == sorted(config["target_modules"])
    for file in folder.iterdir():
        assert str(base).encode() not in file.read_bytes(), file.name
    assert {"tokenizer.json", "tokenizer_config.json"} <= {f.name for f in folder.iterdir()}


def test_same_configuration_gives_the_same_adapter(
    finished: Finished, base: Path, rows: Path, tmp_path: Path
) -> None:
    torch.rand(17)  # whatever the process did before must not matter
    again = run_training(small_config(base), rows, tmp_path, MemorySink())
    assert again.adapter_hash == finished[0].adapter_hash
    first = Path(finished[0].adapter_dir) / "adapter_model.safetensors"
    second = Path(again.adapter_dir) / "adapter_model.safetensors"
    assert first.read_bytes() == second.read_bytes()


def test_another_seed_gives_another_adapter(
    finished: Finished, base: Path, rows: Path, tmp_path: Path
) -> None:
    other = run_training(
        small_config(base, train={"seed": 7, "max_steps": 2}), rows, tmp_path, MemorySink()
    )
    assert other.adapter_hash != finished[0].adapter_hash


def test_trainer_sees_whole_rows_with_loss_on_the_answer_alone(
    base: Path, rows: Path, tmp_path: Path
) -> None:
    config = small_config(base)
    tokenizer = load_tokenizer(config.model)
    effective, _ = adapt_to_hardware(config, pick_device(config.model))
    tokenised = tokenise_rows(rows, tokenizer, max_length=512)
    trainer = build_trainer(config, effective, tokenizer, tokenised, tmp_path)
    seen = 0
    samples = {s.gold_sql: s for s in make_samples(16)}
    for batch in trainer.get_train_dataloader():
        for ids, labels, mask in zip(
            batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
        ):
            supervised = labels != -100
            assert torch.equal(ids[supervised], labels[supervised])
            assert not supervised[mask == 0].any()
            answer = ids[supervised].tolist()
            assert answer[-1] == end_of_turn_id(tokenizer)
            sample = samples[tokenizer.decode(answer[:-1])]
            row = tokenised.rows[int(sample.id[1:])]
            assert ids[mask == 1].tolist() == row["input_ids"]
            seen += 1
    assert seen == 16
    assert {p.dtype for p in trainer.model.parameters() if p.requires_grad} == {torch.float32}
    assert all("lora_" in n for n, p in trainer.model.named_parameters() if p.requires_grad)


def test_continues_from_the_last_complete_checkpoint(
    finished: Finished, base: Path, rows: Path, tmp_path: Path
) -> None:
    """Stop after 5 of 8 steps, tear the newest checkpoint, run again."""
    with pytest.raises(_StopHereError):
        run_training(small_config(base), rows, tmp_path, _StoppingSink(at_step=5))
    checkpoints = tmp_path / "checkpoints"
    assert {c.name for c in checkpoints.iterdir()} == {"checkpoint-2", "checkpoint-4"}
    weights = checkpoints / "checkpoint-4" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])

    sink = MemorySink()
    resumed = run_training(small_config(base), rows, tmp_path, sink)
    assert resumed.resumed_from_step == 2
    assert resumed.steps == 8
    assert sink.curve("train/loss")[0][0] == 3
    assert [step for step, _ in resumed.loss_curve] == list(range(1, 9))
    whole = dict(finished[1].curve("train/loss"))
    for step, loss in sink.curve("train/loss"):
        assert loss == pytest.approx(whole[step], abs=1e-5)
    expected = load_file(Path(finished[0].adapter_dir) / "adapter_model.safetensors")
    got = load_file(Path(resumed.adapter_dir) / "adapter_model.safetensors")
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=1e-5, rtol=1e-4)


def test_a_checkpoint_of_other_rows_is_not_used(
    finished: Finished, base: Path, rows: Path, tmp_path: Path
) -> None:
    with pytest.raises(_StopHereError):
        run_training(small_config(base), rows, tmp_path, _StoppingSink(at_step=5))
    other_rows = write_rows(tmp_path / "other.jsonl", 12)
    config = small_config(base, train={"max_steps": 2})
    assert run_training(config, other_rows, tmp_path, MemorySink()).resumed_from_step == 0


def test_group_by_length_resumes_too(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"group_by_length": True})
    whole = run_training(config, rows, tmp_path / "whole", MemorySink())
    with pytest.raises(_StopHereError):
        run_training(config, rows, tmp_path / "cut", _StoppingSink(at_step=6))
    resumed = run_training(config, rows, tmp_path / "cut", MemorySink())
    assert resumed.resumed_from_step == 4
    expected = load_file(Path(whole.adapter_dir) / "adapter_model.safetensors")
    got = load_file(Path(resumed.adapter_dir) / "adapter_model.safetensors")
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=1e-5, rtol=1e-4)


def test_time_limit(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"timeout_s": 1, "num_train_epochs": 100.0})
    with pytest.raises(TrainingError, match=r"stopped after 1 s.*train\.timeout_s"):
        run_training(config, rows, tmp_path, MemorySink())


def test_divergence_is_an_error(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflowing(config: ModelConfig, *, purpose: Literal["train", "generate"]) -> Any:
        model = load_base(config, purpose=purpose)
        model.model.norm.weight.data.fill_(1e38)
        return model

    monkeypatch.setattr(core, "load_base", overflowing)
    sink = MemorySink()
    with pytest.raises(TrainingError, match=r"diverged.*at step 1 .*train\.learning_rate"):
        run_training(small_config(base), rows, tmp_path, sink)
    assert not (tmp_path / "adapter").exists()
    assert all(math.isfinite(v) for _, metrics in sink.metrics for v in metrics.values())


def test_loss_on_a_cpu_is_trl_s_own(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"lora_dropout": 0.0})
    tokenizer = load_tokenizer(config.model)
    effective, _ = adapt_to_hardware(config, "cpu")
    tokenised = tokenise_rows(rows, tokenizer, max_length=512)
    trainer = build_trainer(config, effective, tokenizer, tokenised, tmp_path)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    batch = next(iter(trainer.get_train_dataloader()))
    batch.pop("token_type_ids", None)
    results = []
    for compute in (trainer.compute_loss, super(LeanSFTTrainer, trainer).compute_loss):
        for items in (None, torch.tensor(77)):
            trainer.model.zero_grad()
            loss = compute(trainer.model, dict(batch), num_items_in_batch=items)
            loss.backward()
            gradients = [p.grad.clone() for p in trainer.model.parameters() if p.requires_grad]
            results.append((loss.detach(), gradients))
    for ours, theirs in zip(results[:2], results[2:], strict=True):
        torch.testing.assert_close(ours[0], theirs[0], rtol=1e-5, atol=1e-6)
        for a, b in zip(ours[1], theirs[1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_unknown_target_module(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"target_modules": ["q_proj", "query_key_value"]})
    with pytest.raises(TrainingError, match=r"query_key_value.*q_proj.*train\.target_modules"):
        run_training(config, rows, tmp_path, MemorySink())


def test_row_that_is_too_long(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, data={"max_length": 32})
    with pytest.raises(TrainingError, match=r"row s0 has \d+ tokens.*at most 32.*data\.max_length"):
        run_training(config, rows, tmp_path, MemorySink())


def test_no_rows(base: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "none.jsonl", [])
    with pytest.raises(TrainingError, match="holds no rows"):
        run_training(small_config(base), tmp_path / "none.jsonl", tmp_path, MemorySink())
    with pytest.raises(TrainingError, match="no training rows at"):
        run_training(small_config(base), tmp_path / "absent.jsonl", tmp_path, MemorySink())


def test_row_without_supervision(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sql_ft.data import chat

    def unsupervised(tokenizer: object, samples: list[Sample]) -> list[chat.EncodedExample]:
        return [chat.EncodedExample([1, 2, 3], [0, 0, 0]) for _ in samples]

    monkeypatch.setattr(chat, "encode_examples", unsupervised)
    path = write_rows(tmp_path / "train.jsonl", 2)
    with pytest.raises(TrainingError, match="row s0 has no supervised token"):
        run_training(small_config(base), path, tmp_path, MemorySink())


def test_adapter_hash_ignores_dtype_and_heeds_values(finished: Finished, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source = Path(finished[0].adapter_dir)
    tensors = load_file(source / "adapter_model.safetensors")
    halves = {name: t.bfloat16() for name, t in tensors.items()}

    def write(name: str, values: dict[str, torch.Tensor], **settings: object) -> str:
        folder = tmp_path / name
        folder.mkdir()
        config = json.loads((source / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps({**config, **settings}))
        save_file(values, folder / "adapter_model.safetensors")
        return hash_adapter(folder)

    as_bf16 = write("bf16", halves)
    as_fp32 = write("fp32", {name: t.float() for name, t in halves.items()})
    assert as_bf16 == as_fp32 != finished[0].adapter_hash
    assert write("path", tensors, base_model_name_or_path="x") == finished[0].adapter_hash
    assert write("alpha", tensors, lora_alpha=99) != finished[0].adapter_hash
    changed = {**tensors}
    name = next(iter(changed))
    changed[name] = changed[name] + 1e-6
    assert write("value", changed) != finished[0].adapter_hash


class _StopHereError(Exception):
    pass


class _StoppingSink(MemorySink):
    """Ends the training from inside, as a kill would, once a step has been logged."""

    def __init__(self, at_step: int) -> None:
        super().__init__()
        self._at_step = at_step

    def log_metrics(self, metrics, step=None) -> None:
        super().log_metrics(metrics, step)
        if step == self._at_step:
            raise _StopHereError


def _rows_of(finished: Finished) -> Path:
    path = finished[2] / "rows.jsonl"
    return write_rows(path)
