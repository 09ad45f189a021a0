"""How training is done: the `train` section of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sql_ft.config_section import AutoOrOff, Section, Share


class TrainConfig(Section):
    """QLoRA hyperparameters, in TRL's and PEFT's spelling."""

    lora_r: int = Field(16, ge=1, le=1024)
    lora_alpha: int = Field(16, ge=1, le=4096)
    lora_dropout: float = Field(0.05, ge=0.0, lt=1.0)
    bias: Literal["none", "all", "lora_only"] = "none"
    target_modules: tuple[str, ...] = Field(("q_proj", "k_proj", "v_proj", "o_proj"), min_length=1)
    num_train_epochs: float = Field(1.0, gt=0.0, le=100.0)
    max_steps: int = Field(-1, ge=-1, description="-1: by epochs")
    per_device_train_batch_size: int = Field(4, ge=1, le=4096)
    gradient_accumulation_steps: int = Field(2, ge=1, le=4096)
    learning_rate: float = Field(2e-4, gt=0.0, le=1.0)
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup_ratio: Share = 0.0
    weight_decay: float = Field(0.0, ge=0.0, le=1.0)
    max_grad_norm: float = Field(1.0, gt=0.0)
    optim: Literal["paged_adamw_32bit", "paged_adamw_8bit", "adamw_torch", "adamw_torch_fused"] = (
        "adamw_torch"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="mixed precision of the trainer; auto: bf16 on a GPU, fp32 on a CPU"
    )
    packing: bool = Field(
        False,
        description="rows of a step end to end in one sequence instead of padded (on a CPU: one "
        "sequence a core); attention stays inside each row and the loss is the same",
    )
    fused_kernels: AutoOrOff = Field(
        "auto",
        description="with packing, on a GPU with bfloat16: LoRA layers, norms, MLP and loss in "
        "fused kernels, all in bfloat16 beside a float32 adapter, without autocast; on a CPU in "
        "float32: LoRA layers, norms, MLP and loss in fewer passes",
    )
    cuda_graphs: AutoOrOff = Field(
        "auto", description="with fused kernels: replay small steps as captured graphs"
    )
    unpack_base: AutoOrOff = Field(
        "auto",
        description="with fused kernels: hold the NF4 values unpacked while training, where that "
        "takes at most a quarter of the memory: same values, no unpacking at each use",
    )
    deterministic: bool = Field(
        True, description="on a GPU: the same seed gives the same adapter on the same machine"
    )
    memory_limit_gb: float | None = Field(
        None,
        gt=0.0,
        le=1024.0,
        description="GPU memory that training may take, GiB (with packing): a step is cut into "
        "passes that fit; default: what is free",
    )
    num_processes: int = Field(
        0,
        ge=0,
        le=64,
        description="training processes, one a GPU, that share the rows of each step; 0: one for "
        "each visible GPU, one on a CPU",
    )
    sharding: Literal["none", "fsdp"] = Field(
        "none",
        description="fsdp: base, adapter and optimizer divided among the training processes "
        "(PyTorch's FSDP2), for a base that does not fit one GPU; padded batches alone",
    )
    group_by_length: bool = Field(
        False, description="batch rows of similar length together (one process)"
    )
    gradient_checkpointing: bool = False
    logging_steps: int = Field(10, ge=1)
    save_steps: int = Field(50, ge=1, description="optimizer steps between checkpoints")
    seed: int = Field(42, ge=0, le=2**32 - 1)
    timeout_s: int = Field(6 * 3600, ge=1, description="training is stopped after this long")

    @model_validator(mode="after")
    def _limit_goes_with_packing(self) -> TrainConfig:
        if self.memory_limit_gb is not None and not self.packing:
            raise ValueError(
                "train.memory_limit_gb needs train.packing: true (padded batches cannot be cut)"
            )
        return self

    @model_validator(mode="after")
    def _grouping_goes_with_one_process(self) -> TrainConfig:
        # Its order comes from the random state of a process, so each would draw another step.
        if self.group_by_length and self.num_processes > 1:
            raise ValueError("train.group_by_length needs train.num_processes: 1 (or 0)")
        return self

    @model_validator(mode="after")
    def _what_cannot_be_sharded(self) -> TrainConfig:
        if self.sharding == "none":
            return self
        if self.packing:
            raise ValueError(
                "train.sharding: fsdp needs train.packing: false (packed steps read whole weights)"
            )
        if self.precision == "fp16":
            raise ValueError(
                "train.sharding: fsdp needs train.precision: bf16, fp32 or auto, not fp16"
            )
        if self.optim.startswith("paged_"):
            raise ValueError(
                f"train.sharding: fsdp needs train.optim: adamw_torch or adamw_torch_fused, "
                f"not {self.optim} (bitsandbytes' optimizers know no sharded parameters)"
            )
        return self

    @property
    def may_spread(self) -> bool:
        """Whether training may run on several GPUs."""
        return self.num_processes != 1 and not self.group_by_length
