"""Decode with `one_row`'s kernels in Triton's interpreter and without; print what was equal.

Run as a program by `test_one_row`, with TRITON_INTERPRET=1.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import torch

EXPECTED_CASES = ("base", "adapter", "several chunks")


def main(base: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from small_training import make_samples, small_config

    from sql_ft.base_model import load_base, load_tokenizer
    from sql_ft.data.chat import encode_prompt
    from sql_ft.fused_layers import fuse_lora_layers, fuse_query_key_value
    from sql_ft.generation import one_row
    from sql_ft.generation.packed_decode import PackedDecoder

    torch.set_num_threads(1)
    # The interpreter runs program after program: few, large ones.
    one_row.TILINGS = {
        kind: dataclasses.replace(tiling, lines=16 if kind == "attend" else 64)
        for kind, tiling in one_row.TILINGS.items()
    }
    config = small_config(base)
    tokenizer = load_tokenizer(config.model)
    model = load_base(config.model, purpose="generate")
    fuse_query_key_value(model)
    prompts = sorted((encode_prompt(tokenizer, s) for s in make_samples(6)), key=len)

    def decode(causal: Any, prompt: list[int], kernels: bool) -> list[int]:
        decoder = PackedDecoder(
            causal,
            slots=1,
            slot_tokens=len(prompt) + 16,
            max_new_tokens=12,
            stop_ids=[2, 5],
            graphs=False,
            one_row_kernels=kernels,
        )
        return decoder.decode([prompt])[0].token_ids

    found: dict[str, Any] = {}

    def compare(name: str, causal: Any, prompt: list[int]) -> None:
        got, expected = (decode(causal, prompt, kernels) for kernels in (True, False))
        found[name] = {"equal": got == expected, "tokens": got, "prompt_tokens": len(prompt)}

    compare("base", model, prompts[0])
    # More than one chunk, the last of them filled in part.
    compare("several chunks", model, (prompts[0] * 4)[:150])
    armed = get_peft_model(
        model,
        LoraConfig(
            r=3,
            lora_alpha=6,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
            rank_pattern={"k_proj": 5},
            init_lora_weights=False,
        ),
    )
    armed.eval()
    armed.requires_grad_(False)
    fuse_lora_layers(armed)
    compare("adapter", armed.get_base_model(), prompts[0])
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
