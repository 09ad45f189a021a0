"""Base, adapter and optimizer divided among the training processes: FSDP2, by accelerate.

Each process keeps its share of every parameter; a decoder layer is gathered while it computes
and given up after it. An NF4 base is sharded as it is packed (Answer.AI's FSDP-QLoRA), for
which its bytes are stored in the dtype that the others are gathered in. What it is scaled by
stays whole in every process: 0.5 bits a weight, a quarter of that with double quantization.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import torch

from sql_ft.base_model import compute_dtype, load_base, pick_device, resolve_model
from sql_ft.config import ModelConfig
from sql_ft.errors import TrainingError
from sql_ft.training.hardware import EffectiveSettings
from sql_ft.training.memory_plan import GIB
from sql_ft.training.ranks import Ranks

logger = logging.getLogger(__name__)

SETTING = "train.sharding"
# Beside a whole base: the source's largest tensor and the workspace of its quantization.
_MOST_FOR_WHOLE = 0.6


@dataclasses.dataclass(frozen=True, slots=True)
class ShardPlan:
    """What one process will hold of the base.

    Attributes:
        whole_bytes: The base in one piece.
        share_bytes: What stays in each process: its share, and the scales of an NF4 base.
        gathered_bytes: The largest decoder layer, and embeddings and head, in one piece; two
            layers are, while the next is fetched.
    """

    whole_bytes: int
    share_bytes: int
    gathered_bytes: int

    def to_params(self, *, held_bytes: int) -> dict[str, str]:
        """Return the figures as run parameters, in GiB, beside what was really held."""
        figures = {**dataclasses.asdict(self), "held_bytes": held_bytes}
        return {
            f"sharding.{name.removesuffix('_bytes')}_gib": f"{count / GIB:.4g}"
            for name, count in figures.items()
        }


def storage_dtype(effective: EffectiveSettings) -> torch.dtype:
    """Return the dtype in which shards are gathered; packed bytes pass through no other."""
    if effective.precision == "bf16":
        return torch.bfloat16
    dtype: torch.dtype = getattr(torch, effective.compute_dtype)
    return dtype


def load_sharded_base(config: ModelConfig, effective: EffectiveSettings, ranks: Ranks) -> Any:
    """Load the base where it is to be sharded from.

    An NF4 base is loaded whole by every process: on the GPU where it takes at most three fifths
    of it, else in the machine's memory, from where it is moved in shards. An unquantized one is
    loaded by the first process alone, which hands out the shards.

    Raises:
        ModelError: The weights do not fit the configuration or cannot be read.
        TrainingError: The base does not fit this machine's memory either.
    """
    if config.quantization == "none":
        if ranks.first:
            return load_base(config, purpose="train", place="cpu")
        return describe_base(config)
    place = effective.device
    if place == "cuda":
        free, _ = torch.cuda.mem_get_info()
        needed = _packed_size(config)
        if needed > _MOST_FOR_WHOLE * free:
            place = "cpu"
            _require_host_memory(needed, ranks.processes)
    logger.info("sharding: every process loads the base on %s", place)
    return load_base(config, purpose="train", place=place, storage=storage_dtype(effective))


def fsdp_arguments(config: ModelConfig, model: Any) -> dict[str, Any]:
    """Return the trainer's arguments that ask for FSDP2.

    Raises:
        TrainingError: The architecture does not say what its decoder layer is.
    """
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "reshard_after_forward": True,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "transformer_layer_cls_to_wrap": decoder_layers(model)[0],
            # accelerate leaves 4-bit parameters out of it.
            "cpu_ram_efficient_loading": config.quantization == "none",
            # A full one would gather the whole base for each checkpoint; a sharded one holds
            # the adapter and its optimizer, and is read by any number of processes.
            "state_dict_type": "SHARDED_STATE_DICT",
        },
    }


def decoder_layers(model: Any) -> tuple[str, list[str]]:
    """Return the class name of the decoder layers and the names of the layers.

    Raises:
        TrainingError: The architecture does not say what must stay in one piece.
    """
    names = set(getattr(model, "_no_split_modules", None) or ())
    found = [
        (type(module).__name__, name)
        for name, module in model.named_modules()
        if type(module).__name__ in names
    ]
    if not found:
        raise TrainingError(
            f"{model.config.model_type} does not name its decoder layers", setting=SETTING
        )
    return found[0][0], [name for kind, name in found if kind == found[0][0]]


def plan_shards(model: Any, effective: EffectiveSettings, processes: int) -> ShardPlan:
    """Count what a process will hold of `model`, a base in one piece (or its description).

    Raises:
        TrainingError: It is more than a GPU has.
    """
    scales = whole = 0
    for parameter in _parameters(model):
        whole += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        scales += _scale_bytes(state) if state is not None else 0
    _, names = decoder_layers(model)
    layer = max(_bytes(model.get_submodule(name)) for name in names)
    inside = sum(_bytes(model.get_submodule(name)) for name in names)
    plan = ShardPlan(whole + scales, -(-whole // processes) + scales, layer + whole - inside)
    logger.info(
        "sharding: base of %.2f GiB over %d processes: %.2f GiB in each, and %.2f gathered",
        *(plan.whole_bytes / GIB, processes, plan.share_bytes / GIB, plan.gathered_bytes / GIB),
    )
    if effective.device == "cuda":
        _, total = torch.cuda.mem_get_info()
        if plan.share_bytes + plan.gathered_bytes > total:
            raise TrainingError(
                f"a share of the base needs {(plan.share_bytes + plan.gathered_bytes) / GIB:.1f} "
                f"GiB with {processes} processes, the GPU has {total / GIB:.1f}",
                setting="train.num_processes",
                expected="more GPUs, or model.double_quantization=true",
            )
    return plan


def finish_sharded_trainer(trainer: Any, effective: EffectiveSettings, ranks: Ranks) -> None:
    """Set how shards are gathered and gradients summed."""
    from torch.distributed.fsdp import MixedPrecisionPolicy

    # accelerate's policy would round the loss and the sum of gradients to bfloat16.
    trainer.accelerator.state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if effective.precision == "bf16" else None,
        reduce_dtype=torch.float32,
    )
    if not ranks.first:
        _allocate_trained(trainer.model)


def gather_adapter(model: Any) -> dict[str, torch.Tensor]:
    """Return the adapter's tensors in one piece; every process must call this."""
    from peft import get_peft_model_state_dict
    from torch.distributed.tensor import DTensor

    # "auto" would ask the hub whether the vocabulary was resized (huggingface/peft#1452).
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {
        name: tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        for name, tensor in state.items()
    }


def held_share(model: Any) -> int:
    """Return the bytes of base and adapter that this process holds between two steps."""
    from torch.distributed.tensor import DTensor

    total = 0
    for parameter in _parameters(model):
        local = parameter.to_local() if isinstance(parameter, DTensor) else parameter
        total += local.numel() * local.element_size()
    for module in model.modules():
        state = getattr(module, "quant_state", None)
        total += _scale_bytes(state) if state is not None else 0
    return total


def _parameters(model: Any) -> list[Any]:
    # A tied head is listed once; after sharding too.
    return list(dict(model.named_parameters()).values())


def describe_base(config: ModelConfig) -> Any:
    """Return the base without weights: its layers, with parameters that hold nothing."""
    from accelerate import init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM

    described = AutoConfig.from_pretrained(
        resolve_model(config).path_or_id, trust_remote_code=False
    )
    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(
            described,
            dtype=compute_dtype(config, pick_device(config)),
            attn_implementation="sdpa",
            trust_remote_code=False,
        )
    model.tie_weights()
    model.requires_grad_(False)
    return model.eval()


def _bytes(module: Any) -> int:
    return sum(p.numel() * p.element_size() for p in module.parameters())


def _scale_bytes(state: Any) -> int:
    total = state.absmax.numel() * state.absmax.element_size()
    if state.nested:
        total += state.state2.absmax.numel() * state.state2.absmax.element_size()
    return int(total)


def _packed_size(config: ModelConfig) -> int:
    """Bytes of the base in NF4, its embeddings and head in 16 bits, from its description."""
    model = describe_base(config)
    linear = sum(
        module.in_features * module.out_features
        for name, module in model.named_modules()
        if hasattr(module, "in_features") and name.rpartition(".")[2] != "lm_head"
    )
    return int(linear * 0.5625 + 2 * (model.num_parameters() - linear))


def _require_host_memory(needed: int, processes: int) -> None:
    import psutil

    available = psutil.virtual_memory().available
    if processes * needed > available:
        raise TrainingError(
            f"{processes} processes load the base through this machine's memory, "
            f"{processes * needed / GIB:.0f} GiB; {available / GIB:.0f} are free",
            setting=SETTING,
            expected="more memory, or fewer processes (train.num_processes)",
        )


def _allocate_trained(model: Any) -> None:
    """Give trained parameters of a model that holds none an address each.

    accelerate tells the optimizer's parameters apart by it. Their values come from the first
    process.
    """
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta and parameter.requires_grad:
                empty = torch.zeros_like(parameter, device="cpu")
                setattr(module, name, torch.nn.Parameter(empty))
