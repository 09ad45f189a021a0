"""A LoRA adapter folder for the tiny model, written without PEFT (whose import is slow)."""

import json
import shutil
from pathlib import Path

MODULES = {"q_proj": (64, 64), "v_proj": (64, 32)}
#: Of `bundled:tiny`, which has ten layers.
BUNDLED_MODULES = {"q_proj": (256, 256), "v_proj": (256, 64)}


def make_lora_folder(
    folder: Path,
    base: Path,
    *,
    seed: int,
    rank: int = 4,
    layers: int = 2,
    scale: float = 0.5,
    modules: dict[str, tuple[int, int]] = MODULES,
) -> Path:
    """Write random LoRA weights that visibly change what the tiny model says."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(layers):
        for module, (inputs, outputs) in modules.items():
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator)
            tensors[f"{name}.lora_B.weight"] = scale * torch.randn(
                outputs, rank, generator=generator
            )
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(modules),
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (base / name).exists():
            shutil.copy(base / name, folder / name)
    return folder
