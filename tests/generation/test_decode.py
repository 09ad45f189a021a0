"""Arms on one base: what they answer, and that they leave no trace on each other."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_training import MemorySink, make_samples, small_config, write_rows

from sql_ft.base_model import load_base, load_tokenizer, resolve_model, stop_ids
from sql_ft.data.chat import encode_prompt
from sql_ft.errors import ModelError
from sql_ft.generation.apply_adapter import adapter_applied
from sql_ft.generation.decode import Arm, generate_predictions
from sql_ft.generation.extract import extract_sql
from sql_ft.generation.greedy import decode_all
from sql_ft.training.core import run_training

SAMPLES = make_samples(10)


def test_arms_and_their_figures(base: Path, adapter: Path) -> None:
    seen: list[tuple[int, int]] = []
    arms = [
        Arm("candidate", adapter),
        Arm("base"),
        Arm("base_3shot", examples=tuple(make_samples(14)[10:13])),
    ]
    result = generate_predictions(
        small_config(base), SAMPLES, arms, lambda *done: seen.append(done)
    )
    assert list(result.predictions) == ["candidate", "base", "base_3shot"]
    assert seen[-1] == (30, 30)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    for name, predictions in result.predictions.items():
        assert [p.sample_id for p in predictions] == [s.id for s in SAMPLES]
        for p in predictions:
            assert p.arm == name
            assert extract_sql(p.completion).sql == p.predicted_sql
            assert 1 <= p.completion_tokens <= 16
            assert "<|" not in p.completion
        stats = result.stats[name]
        assert stats["tokens_per_second"] > 0
        assert stats["wall_time_s"] > 0
        assert stats["peak_memory_bytes"] > 50e6
        assert stats["prompt_tokens"] == sum(p.prompt_tokens for p in predictions)
        assert stats["completion_tokens"] == sum(p.completion_tokens for p in predictions)
        assert stats["truncated"] == sum(p.finish_reason == "length" for p in predictions)
        assert stats["shortened_prompts"] == 0
    assert result.stats["base_3shot"]["prompt_tokens"] > 3 * result.stats["base"]["prompt_tokens"]
    texts = {n: [p.completion for p in ps] for n, ps in result.predictions.items()}
    assert texts["candidate"] != texts["base"] != texts["base_3shot"]


def test_an_arm_answers_the_same_alone_as_beside_others(base: Path, adapter: Path) -> None:
    config = small_config(base)
    together = generate_predictions(
        config, SAMPLES, [Arm("champion", adapter), Arm("base"), Arm("candidate", adapter)]
    )
    for arm in (Arm("base"), Arm("candidate", adapter)):
        alone = generate_predictions(config, SAMPLES, [arm])
        assert alone.predictions[arm.name] == together.predictions[arm.name]
    champion = [p.completion for p in together.predictions["champion"]]
    assert champion == [p.completion for p in together.predictions["candidate"]]


@pytest.mark.parametrize("merge", [True, False])
def test_base_is_bit_for_bit_what_it_was(base: Path, adapter: Path, merge: bool) -> None:
    config = small_config(base)
    model = load_base(config.model, purpose="generate")
    resolved = resolve_model(config.model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ids = torch.arange(12).reshape(1, -1) + 20
    with torch.no_grad():
        untouched = model(ids).logits
        with adapter_applied(model, adapter, base=resolved, merge=merge) as armed:
            changed = armed(ids).logits
        after = model(ids).logits
    assert (changed - untouched).abs().max() > 0.01
    assert torch.equal(after, untouched)
    state = model.state_dict()
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in before)
    with (
        pytest.raises(ZeroDivisionError),
        adapter_applied(model, adapter, base=resolved, merge=merge),
    ):
        raise ZeroDivisionError
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


def test_merged_equals_adapter_beside_nf4(base: Path, adapter: Path) -> None:
    """The promise of the docs: float32 rounding only, the same greedy answers.

    NF4 runs in training mode (dropout 0 at inference is kept by `eval` of the LoRA
    layers): in evaluation mode bitsandbytes rounds its weights to bfloat16 on some CPUs.
    """
    config = small_config(base)
    resolved = resolve_model(config.model)
    tokenizer = load_tokenizer(config.model)
    prompts = [encode_prompt(tokenizer, sample) for sample in SAMPLES]
    settings = {
        "max_new_tokens": 16,
        "batch_size": 4,
        "stop_ids": stop_ids(tokenizer),
        "pad_id": tokenizer.pad_token_id,
    }
    plain = load_base(config.model, purpose="generate")
    nf4 = load_base(config.model, purpose="train")
    ids = torch.tensor([prompts[0]])
    with adapter_applied(plain, adapter, base=resolved, merge=True) as merged:
        merged_rows = decode_all(merged, prompts, **settings)
        with torch.no_grad():
            merged_logits = merged(ids).logits
    with adapter_applied(nf4, adapter, base=resolved, merge=False) as beside:
        _exact_nf4(beside)
        nf4_rows = decode_all(beside, prompts, **settings)
        with torch.no_grad():
            nf4_logits = beside(ids).logits
    torch.testing.assert_close(merged_logits, nf4_logits, atol=1e-3, rtol=1e-3)
    differing = sum(a != b for a, b in zip(merged_rows, nf4_rows, strict=True))
    assert differing == 0


def _exact_nf4(model: torch.nn.Module) -> None:
    import bitsandbytes

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.train()


def test_examples_that_do_not_fit_are_left_out_and_counted(base: Path, tmp_path: Path) -> None:
    short = tmp_path / "short-context"
    shutil.copytree(base, short)
    settings = json.loads((short / "config.json").read_text())
    prompt = len(encode_prompt(load_tokenizer(small_config(base).model), SAMPLES[0]))
    settings["max_position_embeddings"] = 3 * prompt
    (short / "config.json").write_text(json.dumps(settings))
    arm = Arm("base_3shot", examples=tuple(make_samples(13)[10:]))
    result = generate_predictions(small_config(short), SAMPLES, [arm])
    assert result.stats["base_3shot"]["shortened_prompts"] == len(SAMPLES)
    lengths = [p.prompt_tokens for p in result.predictions["base_3shot"]]
    assert prompt < max(lengths) <= 3 * prompt - 16

    settings["max_position_embeddings"] = prompt
    (short / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=r"prompt of sample s0.*generation\.max_new_tokens"):
        generate_predictions(small_config(short), SAMPLES, [arm])


def _changed(adapter: Path, folder: Path, change) -> Path:
    shutil.copytree(adapter, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(change(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {n: v for n, v in t.items() if "layers.0" not in n}, r"tensors missing"),
        (lambda t: {n.replace("layers.1", "layers.7"): v for n, v in t.items()}, "without a place"),
        (lambda t: {n: v * 0 if "lora_B" in n else v for n, v in t.items()}, "changes nothing"),
        (lambda t: {n: v / 0 for n, v in t.items()}, "is not finite"),
        (lambda t: {n: torch.cat([v, v], dim=0) for n, v in t.items()}, "does not fit tiny-random"),
    ],
)
def test_adapter_that_would_not_work_is_an_error(
    change, message: str, base: Path, adapter: Path, tmp_path: Path
) -> None:
    broken = _changed(adapter, tmp_path / "broken", change)
    config = small_config(base)
    model = load_base(config.model, purpose="generate")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with (
        pytest.raises(ModelError, match=message),
        adapter_applied(model, broken, base=resolve_model(config.model), merge=True),
    ):
        pass
    state = model.state_dict()
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in before)


def test_folder_without_adapter(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no readable adapter_config\.json"):
        generate_predictions(small_config(base), SAMPLES, [Arm("candidate", tmp_path)])


def test_adapter_of_another_base_is_reported(
    base: Path, adapter: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other-base"
    shutil.copytree(base, other)
    settings = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**settings, "rms_norm_eps": 1e-5}))
    generate_predictions(small_config(other), SAMPLES[:1], [Arm("candidate", adapter)])
    assert "was trained on tiny-random" in caplog.text


def test_arm_names_are_unique(base: Path) -> None:
    with pytest.raises(ModelError, match="share a name"):
        generate_predictions(small_config(base), SAMPLES, [Arm("base"), Arm("base")])


def test_trained_biases_are_put_back_too(base: Path, tmp_path: Path) -> None:
    config = small_config(base, train={"bias": "all", "max_steps": 2, "learning_rate": 0.05})
    rows = write_rows(tmp_path / "train.jsonl", 8)
    result = run_training(config, rows, tmp_path, MemorySink())
    model = load_base(config.model, purpose="generate")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    bias = "model.layers.0.self_attn.q_proj.bias"
    resolved = resolve_model(config.model)
    with adapter_applied(model, Path(result.adapter_dir), base=resolved, merge=True) as armed:
        assert not torch.equal(armed.state_dict()[bias], before[bias])
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
