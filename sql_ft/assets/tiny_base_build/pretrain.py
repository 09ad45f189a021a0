"""Training from scratch: Qwen2's architecture, packed blocks, weighted loss, time budget."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from sql_ft.assets.tiny_base_build.overlap import Exclusions
from sql_ft.assets.tiny_base_build.public_rows import PublicData
from sql_ft.assets.tiny_base_build.stream import PART_WEIGHTS, Stream, packed_batches
from sql_ft.assets.tiny_base_build.tokenizer import END, MODEL_MAX_LENGTH, PAD, SPECIALS

# The trainer of the tokenizer numbers the specials first, in their order.
PAD_ID, END_ID = SPECIALS.index(PAD), SPECIALS.index(END)


@dataclasses.dataclass(frozen=True, slots=True)
class PretrainSettings:
    """Shape and schedule; the defaults are the shipped model's."""

    minutes: float = 7.0
    max_steps: int = 0
    seed: int = 0
    blocks: int = 64
    block_size: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warmup_steps: int = 200
    workers: int = 14
    hidden_size: int = 256
    layers: int = 10
    heads: int = 8
    kv_heads: int = 2
    mlp_size: int = 768
    compile: bool = True
    init_from: str = ""


class PackedStream(IterableDataset[Any]):
    """Batches of packed documents; each worker draws from its own seed."""

    def __init__(
        self, data: PublicData, exclusions: Exclusions, tokenizer_file: str,
        settings: PretrainSettings, split: str,
    ) -> None:  # fmt: skip
        self.data, self.exclusions, self.tokenizer_file = data, exclusions, tokenizer_file
        self.settings, self.split = settings, split

    def __iter__(self) -> Iterator[Any]:
        """Endless batches of (tokens, part kinds)."""
        from tokenizers import Tokenizer

        info = get_worker_info()
        worker = info.id if info else 0
        tokenizer = Tokenizer.from_file(self.tokenizer_file)
        seed = f"{self.split}-{self.settings.seed}-{worker}"
        stream = Stream(random.Random(seed), self.data, self.exclusions)
        batches = packed_batches(
            stream, tokenizer, blocks=self.settings.blocks,
            block_size=self.settings.block_size, pad_id=PAD_ID,
        )  # fmt: skip
        for tokens, kinds in batches:
            dropped = torch.tensor([stream.drawn, *stream.dropped.values()])
            yield torch.from_numpy(tokens), torch.from_numpy(kinds), dropped


def build_model(tokenizer: Any, settings: PretrainSettings) -> Any:
    """A randomly initialised `Qwen2ForCausalLM` of the settings' shape, float32."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(settings.seed)
    config = Qwen2Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=settings.hidden_size,
        intermediate_size=settings.mlp_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=MODEL_MAX_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
        use_sliding_window=False,
    )
    config._attn_implementation = "sdpa"
    return Qwen2ForCausalLM(config)


def learning_rate(settings: PretrainSettings, step: int, progress: float) -> float:
    """Linear warm-up, then cosine down to 2% over `progress` in [0, 1]."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    return settings.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def _loss_function(model: Any, settings: PretrainSettings) -> Callable[..., Any]:
    weights = torch.tensor([*PART_WEIGHTS, 0.0], device=next(model.parameters()).device)

    def loss_of(tokens: torch.Tensor, kinds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ids = tokens.long()
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1), reduction="none"
        )
        target = kinds[:, 1:].reshape(-1)
        w = weights[target.long()]
        answers = (target == 2).float()
        answer_loss = (losses.detach() * answers).sum() / answers.sum().clamp(min=1)
        return (losses * w).sum() / w.sum().clamp(min=1), answer_loss

    if settings.compile:
        return torch.compile(loss_of)
    return loss_of


def pretrain(
    data: PublicData,
    exclusions: Exclusions,
    tokenizer_dir: Path,
    settings: PretrainSettings,
    log: Callable[[str], None] = print,
) -> tuple[Any, dict[str, Any]]:
    """Train until the time or the steps are over.

    Returns:
        The model (float32, on its device) and the figures of the run.
    """
    from tokenizers import Tokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    tokenizer_file = str(tokenizer_dir / "tokenizer.json")
    tokenizer = Tokenizer.from_file(tokenizer_file)
    model = build_model(tokenizer, settings).to(device)
    if settings.init_from:
        model.load_state_dict(type(model).from_pretrained(settings.init_from).state_dict())
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay},
         {"params": plain, "weight_decay": 0.0}],
        lr=settings.learning_rate, betas=(0.9, 0.95), fused=device == "cuda",
    )  # fmt: skip
    loss_of = _loss_function(model, settings)
    loader = DataLoader(
        PackedStream(data, exclusions, tokenizer_file, settings, "train"), batch_size=None,
        num_workers=settings.workers, pin_memory=device == "cuda",
        prefetch_factor=8 if settings.workers else None,
    )  # fmt: skip
    amp: Any = contextlib.nullcontext()
    if device == "cuda":
        amp = torch.autocast("cuda", dtype=torch.bfloat16)
    started, step, progress, tokens_seen = time.monotonic(), 0, 0.0, 0
    first_step = started
    drops: dict[int, torch.Tensor] = {}
    answer_loss = torch.tensor(0.0)
    for tokens, kinds, dropped in loader:
        if step == 3:
            first_step = time.monotonic()
        if settings.max_steps:
            progress = step / settings.max_steps
        elif step > 3:
            progress = (time.monotonic() - started) / (settings.minutes * 60)
        if progress >= 1.0:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, progress)
        with amp:
            loss, answer_loss = loss_of(
                tokens.to(device, non_blocking=True), kinds.to(device, non_blocking=True)
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        drops[step % max(1, settings.workers)] = dropped
        step += 1
        tokens_seen += settings.blocks * settings.block_size
        if step % 250 == 0 or step in (1, 10, 50):
            spent = time.monotonic() - first_step
            rate = settings.blocks * settings.block_size * (step - 3) / spent if step > 3 else 0.0
            log(f"step {step} loss {loss.item():.4f} answers {answer_loss.item():.4f} "
                f"tokens/s {rate:,.0f} progress {progress:.3f}")  # fmt: skip
    if device == "cuda":
        torch.cuda.synchronize()
    totals = torch.stack(list(drops.values())).sum(0).tolist() if drops else [0, 0, 0]
    figures = {
        "steps": step,
        "tokens": tokens_seen,
        "train_s": round(time.monotonic() - started, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "last_answer_loss": round(float(answer_loss), 4),
        "rows_drawn": totals[0],
        "rows_dropped_question": totals[1],
        "rows_dropped_schema": totals[2],
        "settings": dataclasses.asdict(settings),
    }
    return model, figures


@torch.no_grad()
def validation_loss(
    model: Any, data: PublicData, exclusions: Exclusions, tokenizer_dir: Path,
    settings: PretrainSettings, batches: int = 4,
) -> float:  # fmt: skip
    """Mean loss on answer tokens of batches from a seed no training worker had."""
    plain = dataclasses.replace(settings, compile=False)
    device = next(model.parameters()).device
    dataset = PackedStream(data, exclusions, str(tokenizer_dir / "tokenizer.json"), plain, "val")
    loss_of = _loss_function(model, plain)
    total = 0.0
    for i, (tokens, kinds, _) in enumerate(dataset):
        if i == batches:
            break
        amp: Any = torch.autocast(device.type, dtype=torch.bfloat16)
        with amp:
            total += float(loss_of(tokens.to(device), kinds.to(device))[1])
    return total / batches


def save_model(model: Any, tokenizer_dir: Path, out_dir: Path, figures: dict[str, Any]) -> None:
    """Write float16 shards below 8 MB, the tokenizer files, and the figures of the run."""
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    model = model.to(torch.float16)
    model.generation_config = GenerationConfig(
        eos_token_id=model.config.eos_token_id, pad_token_id=model.config.pad_token_id
    )
    model.save_pretrained(out_dir, max_shard_size="7MB")
    tokenizer.save_pretrained(out_dir)
    text = json.dumps(figures, indent=2, sort_keys=True) + "\n"
    (out_dir / "pretraining.json").write_text(text, encoding="utf-8")
