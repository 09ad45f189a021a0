"""Greedy generation on one GPU, this project's loop beside stock `generate`, in one run.

Qwen2.5-1.5B's exact shape with random bfloat16 weights, random prompts of one length, a
fixed number of new tokens (nothing stops early), prompts counted in the time and not in the
tokens. After that, identity: on the bundled trained model in float32 every answer must
equal stock `generate`'s, token for token, with graphs and without, and the captured bfloat16
answers must equal the uncaptured ones. Prints a table and writes JSON.

    python benchmarks/generate_speed_gpu.py --tokenizer-dir tokenizer/ --out generate.json
    python benchmarks/generate_speed_gpu.py --tokenizer-dir tokenizer/ --tiny   # CPU
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from gpu_clock import CUDA, timed
from qwen_shape_gpu import QWEN_SHAPE, TINY_SHAPE, _machine, build_base

from sql_ft.base_model import load_base, load_tokenizer, stop_ids
from sql_ft.config import ModelConfig, load_config
from sql_ft.data.chat import encode_prompt
from sql_ft.data.prepare import prepare_dataset
from sql_ft.fused_layers import apply_liger, fuse_lora_layers, fuse_query_key_value
from sql_ft.generation.greedy import decode_all
from sql_ft.generation.one_row_weights import why_not
from sql_ft.generation.packed_decode import decode_all_packed, make_decoder
from sql_ft.packed_attention import packed_attention_used
from sql_ft.records import Sample, read_jsonl
from sql_ft.residual_stream import fuse_residual_sums


def stock(model: Any, prompts: list[list[int]], new: int, stops: list[int], **kw: Any) -> Any:
    ids = torch.tensor(prompts, device=model.device)
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=stops or None,
            pad_token_id=0,
            **kw,
        )
    return out[:, ids.shape[1] :].tolist()


def packed(
    model: Any,
    prompts: list[list[int]],
    new: int,
    stops: list[int],
    graphs: bool = True,
    kernels: bool = False,
) -> Any:
    decoder = make_decoder(
        model,
        prompts,
        max_new_tokens=new,
        batch_size=len(prompts),
        stop_ids=stops,
        graphs=graphs,
        one_row_kernels=kernels,
    )
    return decode_all_packed(decoder, prompts)


def fuse(model: Any) -> None:
    """What `Engine` does to a base that decodes packed."""
    apply_liger(model)
    fuse_query_key_value(model)
    fuse_residual_sums(model)


def one_by_one(
    model: Any, prompts: list[list[int]], new: int, stops: list[int], kernels: bool
) -> list[list[int]]:
    """Every prompt alone, by one kept decoder, with `one_row`'s kernels or those of many rows."""
    decoder = make_decoder(
        model,
        [max(prompts, key=len)],
        max_new_tokens=new,
        batch_size=1,
        stop_ids=stops,
        one_row_kernels=kernels,
    )
    if kernels and decoder._one_row is None:
        raise SystemExit(f"no kernels for one row: {why_not(decoder._causal)}")
    return [decoder.decode([prompt])[0].token_ids for prompt in prompts]


def keep_hidden(decoder: Any, kept: list[torch.Tensor]) -> None:
    choose = decoder._choose

    def choose_and_keep(hidden: torch.Tensor, state: Any) -> None:
        kept.append(hidden[0])
        choose(hidden, state)

    decoder._choose = choose_and_keep


def check_steps(base: str, prompt: list[int], steps: int) -> dict[str, Any]:
    """Each step's last hidden state against float32's over the same tokens, relative error.

    The token that float32 would choose is given to both, so that errors do not add up to
    another text.
    """
    full = load_base(
        ModelConfig(name_or_path=base, quantization="none", compute_dtype="float32"),
        purpose="generate",
    )
    half = load_base(
        ModelConfig(name_or_path=base, quantization="none", compute_dtype="bfloat16"),
        purpose="generate",
    )
    fuse(half)
    errors: dict[str, list[float]] = {"one_row": [], "many_rows": []}
    chosen = {"one_row": 0, "many_rows": 0}
    with torch.inference_mode(), packed_attention_used(half):
        ids = torch.tensor([[*prompt]], device=full.device)
        for _ in range(steps):
            logits = full(ids).logits[:, -1:]
            ids = torch.cat([ids, logits.argmax(-1)], dim=1)
        wanted = full.base_model(ids).last_hidden_state[0, len(prompt) :]
        best = full.lm_head(wanted).argmax(-1)
        for name in errors:
            decoder = make_decoder(
                half,
                [prompt],
                max_new_tokens=steps + 1,
                batch_size=1,
                stop_ids=[-1],
                graphs=False,
                one_row_kernels=name == "one_row",
            )
            decoder._alone = True
            state = decoder._read_prompts([prompt])
            kept: list[torch.Tensor] = []
            keep_hidden(decoder, kept)
            for step in range(steps):
                state.tokens.copy_(ids[0, len(prompt) + step : len(prompt) + step + 1])
                decoder._step(state)
                if decoder._one_row is not None:
                    norm = half.base_model.norm
                    x = decoder._one_row._x[0].float()
                    x = x * torch.rsqrt(x.square().mean() + norm.variance_epsilon)
                    kept.append(x.bfloat16() * norm.weight)
                error = (kept[-1].float() - wanted[step]).norm() / wanted[step].norm()
                errors[name].append(float(error))
                chosen[name] += int(state.tokens[0] == best[step])
    return {
        "steps": steps,
        "relative_error_median": {k: statistics.median(v) for k, v in errors.items()},
        "relative_error_most": {k: max(v) for k, v in errors.items()},
        "token_of_float32_chosen": chosen,
    }


def check_identity(folder: Path, count: int, new: int) -> dict[str, Any]:
    """The bundled trained model in float32 against stock `generate`, row by row."""
    config = load_config(None, [f"data.eval_rows={count}", "data.train_rows=50"])
    tokenizer = load_tokenizer(config.model)
    prepared = prepare_dataset(config, tokenizer, folder)
    samples = read_jsonl(Path(prepared.eval_path), Sample)[:count]
    prompts = [encode_prompt(tokenizer, sample) for sample in samples]
    stops = stop_ids(tokenizer)
    found: dict[str, Any] = {"rows": len(prompts), "new_tokens": new}
    plain = load_base(ModelConfig(quantization="none", compute_dtype="float32"), purpose="generate")
    wanted = []
    for prompt in prompts:
        row = stock(plain, [prompt], new, stops)[0]
        wanted.append(row)
    for graphs in (False, True):
        got = packed(plain, prompts, new, stops, graphs)
        equal = sum(g.token_ids == w for g, w in zip(got, wanted, strict=True))
        found[f"fp32_equal_to_stock{'_graphs' if graphs else ''}"] = equal
    loop = decode_all(plain, prompts, max_new_tokens=new, batch_size=64, stop_ids=stops, pad_id=0)
    found["fp32_greedy_loop_equal"] = sum(
        g.token_ids == w for g, w in zip(loop, wanted, strict=True)
    )
    if not CUDA:
        return found
    fuse_query_key_value(plain)
    got = one_by_one(plain, prompts, new, stops, True)
    found["fp32_one_row_kernels_equal"] = sum(a == b for a, b in zip(got, wanted, strict=True))
    half = load_base(ModelConfig(quantization="none", compute_dtype="bfloat16"), purpose="generate")
    stock_half = [stock(half, [prompt], new, stops)[0] for prompt in prompts]
    fuse(half)
    outs = [packed(half, prompts, new, stops, graphs) for graphs in (False, True)]
    found["bf16_graphs_equal_to_no_graphs"] = sum(a == b for a, b in zip(*outs, strict=True))
    found["bf16_equal_to_stock_one_by_one"] = sum(
        g.token_ids == w for g, w in zip(outs[1], stock_half, strict=True)
    )
    many, alone = (one_by_one(half, prompts, new, stops, kernels) for kernels in (False, True))
    batch = [row.token_ids for row in outs[1]]
    for name, answers, others in (
        ("one_row_kernels_equal_to_kernels_of_many", alone, many),
        ("one_row_kernels_equal_to_batch", alone, batch),
        ("kernels_of_many_equal_to_batch", many, batch),
        ("one_row_kernels_equal_to_stock_one_by_one", alone, stock_half),
    ):
        found[f"bf16_{name}"] = sum(a == b for a, b in zip(answers, others, strict=True))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer-dir", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--one-new-tokens", type=int, default=128, help="at batch 1")
    parser.add_argument("--identity-rows", type=int, default=64)
    parser.add_argument("--skip-compiled", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only-identity", action="store_true", help="no speeds")
    arguments = parser.parse_args()
    if arguments.only_identity:
        with tempfile.TemporaryDirectory(prefix="generate-identity-") as folder:
            print(json.dumps(check_identity(Path(folder), arguments.identity_rows, 64)))
        return
    figures: dict[str, Any] = {"machine": _machine(), "rows": []}

    def add(name: str, tokens: int, seconds: list[float], first: float, **more: Any) -> None:
        row = {
            "variant": name,
            "tokens_per_s": tokens / statistics.median(seconds),
            "seconds": seconds,
            "first_call_s": first,
            "first_call_tokens_per_s": tokens / first,
            **more,
        }
        figures["rows"].append(row)
        print(json.dumps(row), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="generate-speed-") as folder:
        base = Path(folder) / "base"
        build_base(base, arguments.tokenizer_dir, TINY_SHAPE if arguments.tiny else QWEN_SHAPE)
        generator = torch.Generator().manual_seed(0)
        high = 600 if arguments.tiny else 150_000
        prompts = torch.randint(
            1000 if high > 1000 else 10,
            high,
            (arguments.prompts, arguments.prompt_tokens),
            generator=generator,
        ).tolist()
        new, one_new = arguments.new_tokens, arguments.one_new_tokens
        total = len(prompts) * new
        model = load_base(
            ModelConfig(
                name_or_path=str(base),
                quantization="none",
                compute_dtype="bfloat16" if CUDA else "float32",
            ),
            purpose="generate",
        )
        model.generation_config.eos_token_id = None
        best_stock = None
        one = prompts[:1]
        if CUDA and not arguments.skip_compiled:
            seconds, _, first = timed(
                lambda: stock(model, one, one_new, [], cache_implementation="static"), 3, warm=2
            )
            add("stock generate, bf16, batch 1, static cache, compiled", one_new, seconds, first)
            torch._dynamo.reset()
        for batch in (512,):

            def all_stock(size: int = batch) -> list[list[int]]:
                out = []
                for start in range(0, len(prompts), size):
                    out += stock(model, prompts[start : start + size], new, [])
                return out

            seconds, answers, first = timed(all_stock, 2)
            best_stock = answers
            add(f"stock generate, bf16, batch {batch}", total, seconds, first)
        one = prompts[:1]
        seconds, _, first = timed(lambda: stock(model, one, one_new, []), 2)
        add("stock generate, bf16, batch 1", one_new, seconds, first)
        if CUDA:
            fuse(model)

        seconds, answers, first = timed(lambda: packed(model, prompts, new, [-1]), 3)
        equal = sum(a.token_ids == b for a, b in zip(answers, best_stock or [], strict=True))
        add(
            "this loop, bf16, batch 512, capture counted",
            total,
            seconds,
            first,
            equal_to_stock=equal,
        )

        def kept(some: Any, what: str) -> None:
            for name, which, count, kernels in (
                ("512", prompts, new, False),
                ("1, kernels of many", one, one_new, False),
                ("1", one, one_new, True),
            ):
                decoder = make_decoder(
                    some,
                    which,
                    max_new_tokens=count,
                    batch_size=len(which),
                    stop_ids=[-1],
                    one_row_kernels=kernels,
                )
                more = {}
                if CUDA and kernels:
                    more["one_row_kernels"] = decoder._one_row is not None
                # The prompt of a single row is captured at the second call.
                seconds, _, first = timed(lambda d=decoder, w=which: d.decode(w), 5, warm=2)
                add(f"{what}, batch {name}, kept", len(which) * count, seconds, first, **more)
                del decoder

        kept(model, "this loop, bf16")
        from peft import LoraConfig, get_peft_model

        adapted = get_peft_model(
            model,
            LoraConfig(
                r=16,
                lora_alpha=16,
                task_type="CAUSAL_LM",
                target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
            ),
        )
        adapted.requires_grad_(False)
        adapted.eval()
        fuse_lora_layers(adapted)
        seconds, _, first = timed(lambda: packed(adapted, prompts, new, [-1]), 2)
        name = "this loop, adapter beside, batch 512, capture counted"
        add(name, total, seconds, first)
        kept(adapted, "this loop, adapter beside")
        if CUDA:
            del model, adapted
            torch.cuda.empty_cache()
            figures["steps_against_float32"] = check_steps(str(base), one[0], 32)
            print(json.dumps(figures["steps_against_float32"]), flush=True)
        # In a process of its own: liger's rotary embedding would be stock's here too.
        rows = str(arguments.identity_rows)
        command = [sys.executable, __file__, "--tokenizer-dir", str(arguments.tokenizer_dir)]
        found = subprocess.run(
            [*command, "--identity-rows", rows, "--only-identity"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        figures["identity"] = json.loads(found.stdout.splitlines()[-1])
        print(json.dumps(figures["identity"]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("| variant | tokens/s | first call, tokens/s | runs |")
    print("|---|---|---|---|")
    for row in figures["rows"]:
        print(
            f"| {row['variant']} | {row['tokens_per_s']:,.0f} "
            f"| {row['first_call_tokens_per_s']:,.0f} | {len(row['seconds'])} |"
        )


if __name__ == "__main__":
    main()
