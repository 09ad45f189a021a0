"""Training itself: base, LoRA, TRL's SFTTrainer, in the process that calls it.

`trainer.train_adapter` runs this in a child process; tests and benchmarks call it here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import math
import time
from pathlib import Path
from typing import Any

from sql_ft.base_model import (
    known_deprecations_ignored,
    load_base,
    load_tokenizer,
    pick_device,
    resolve_model,
)
from sql_ft.config import RunConfig
from sql_ft.errors import TrainingError
from sql_ft.hardware import peak_memory_bytes
from sql_ft.model_libraries import import_bitsandbytes
from sql_ft.records import Progress, content_hash
from sql_ft.training.adapter import adapter_bytes, hash_adapter, save_adapter
from sql_ft.training.checkpoints import find_checkpoint
from sql_ft.training.dataset import TokenisedRows, tokenise_rows
from sql_ft.training.hardware import (
    EffectiveSettings,
    adapt_to_hardware,
    fix_determinism,
)
from sql_ft.training.metrics_sink import MetricSink
from sql_ft.training.ranks import Ranks, SharingCollator, divide_step
from sql_ft.training.result import TrainResult, read_loss_curve

logger = logging.getLogger(__name__)

ADAPTER_FOLDER = "adapter"
CHECKPOINTS_FOLDER = "checkpoints"
_PADDED_SETTING = "train.per_device_train_batch_size"
_ALONE = Ranks()


def run_training(
    config: RunConfig,
    train_path: Path,
    out_dir: Path,
    sink: MetricSink,
    progress: Progress | None = None,
) -> TrainResult:
    """QLoRA-train an adapter in this process.

    Seeds are fixed before the adapter is initialised, so the same configuration and rows
    give the same adapter on the same machine. Continues from the newest complete
    checkpoint of the same settings and rows under ``out_dir/checkpoints``.

    Args:
        config: The run; `data.max_length`, `model` and `train` are used.
        train_path: JSON lines of `Sample`.
        out_dir: Receives ``adapter/`` and ``checkpoints/``.
        sink: Receives parameters, the loss curve and a summary.
        progress: Called with steps done and steps in all.

    Raises:
        TrainingError: Unusable rows, a diverging loss, the time limit, or an
            out-of-memory on the GPU.
        ModelError: The base model cannot be loaded.
    """
    started = time.monotonic()
    # Before the slow imports: a model that is not there is the likeliest mistake.
    resolved = resolve_model(config.model)

    if config.model.quantization == "nf4":
        # PEFT imports it too, the slow way.
        import_bitsandbytes()
    import torch
    from transformers import set_seed

    from sql_ft.training.callbacks import ReportCallback, SealCallback, TimeLimitCallback

    ranks = Ranks.current()
    device = pick_device(config.model)
    if device == "cuda":
        torch.cuda.set_device(ranks.index % torch.cuda.device_count())
    effective, notes = adapt_to_hardware(config, device)
    sharded = config.train.sharding == "fsdp"
    if sharded and ranks.processes == 1:
        notes.append("train.sharding fsdp divides nothing with one process (train.num_processes)")
    for note in notes:
        logger.warning(note)
    if ranks.processes > 1:
        # The cores are the processes' already.
        effective = dataclasses.replace(effective, passes=1)
    if effective.threads:
        torch.set_num_threads(max(1, effective.threads // ranks.processes))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if config.train.deterministic:
        fix_determinism(device, strict=effective.fused)
    sink.log_params({**effective.to_params(), "effective.processes": str(ranks.processes)})

    tokenizer = load_tokenizer(config.model)
    rows = tokenise_rows(train_path, tokenizer, max_length=config.data.max_length)
    logger.info(
        "%d rows, %d tokens (%d supervised), longest %d; base %s at %s",
        *(len(rows.rows), rows.total_tokens, rows.supervised_tokens, rows.longest),
        *(resolved.label, resolved.revision[:12]),
    )
    run_key = _run_key(config, effective, train_path, resolved.revision)
    set_seed(config.train.seed)
    report = ReportCallback(sink, progress)
    try:
        with known_deprecations_ignored():
            trainer = build_trainer(config, effective, tokenizer, rows, out_dir, ranks)
            if ranks.index:
                # Other rows, other dropout; the adapter and the order of rows are fixed by now.
                torch.manual_seed(config.train.seed + ranks.index)
            # Sharded ones count as they are stored, once training has begun.
            trainable, total = trainer.model.get_nb_trainable_parameters()
            trainer.add_callback(report)
            trainer.add_callback(TimeLimitCallback(config.train.timeout_s, started))
            trainer.add_callback(SealCallback(run_key, ranks))
            # The first also removes what is unusable; the others find the same afterwards.
            with trainer.accelerator.main_process_first():
                checkpoint = find_checkpoint(out_dir / CHECKPOINTS_FOLDER, run_key)
            resumed_from = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
            if checkpoint:
                logger.info("continuing from step %d", resumed_from)
            output = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the GPU ran out of memory: {str(error).splitlines()[0]}",
            setting="train.memory_limit_gb" if effective.packing else _PADDED_SETTING,
            expected="a lower limit"
            if effective.packing
            else "a smaller batch, train.gradient_checkpointing=true, or train.packing=true",
        ) from error
    model = trainer.model
    adapter_dir = out_dir / ADAPTER_FOLDER
    state = None
    if sharded:
        from sql_ft.training import sharding

        state = sharding.gather_adapter(model)
        sink.log_params(trainer.shard_plan.to_params(held_bytes=sharding.held_share(model)))
    if ranks.first:
        save_adapter(
            model,
            tokenizer,
            adapter_dir,
            label=resolved.label,
            revision=resolved.revision,
            state=state,
        )
    ranks.wait()
    train_loss = float(output.training_loss)
    result = TrainResult(
        adapter_dir=str(adapter_dir),
        adapter_hash=hash_adapter(adapter_dir),
        adapter_bytes=adapter_bytes(adapter_dir),
        trainable_parameters=int(trainable),
        total_parameters=int(total),
        train_rows=len(rows.rows),
        steps=int(trainer.state.global_step),
        resumed_from_step=resumed_from,
        train_loss=train_loss,
        # Fewer steps than one logging interval: the mean is all there is.
        final_loss=report.final_loss if math.isfinite(report.final_loss) else train_loss,
        total_tokens=report.total_tokens,
        supervised_tokens=rows.supervised_tokens,
        tokens_per_second=report.total_tokens / max(report.train_time_s, 1e-9),
        wall_time_s=time.monotonic() - started,
        train_time_s=report.train_time_s,
        peak_memory_bytes=peak_memory_bytes(device),
        base_label=resolved.label,
        base_revision=resolved.revision,
        notes=tuple(notes),
        # A resumed trainer reads the earlier part from its checkpoint.
        loss_curve=read_loss_curve(trainer.state.log_history),
    )
    sink.log_metrics(result.to_metrics(), None)
    return result


@known_deprecations_ignored()
def build_trainer(
    config: RunConfig,
    effective: EffectiveSettings,
    tokenizer: Any,
    rows: TokenisedRows,
    out_dir: Path,
    ranks: Ranks = _ALONE,
) -> Any:
    """Assemble base, LoRA and TRL's trainer; the caller has fixed the seeds.

    Raises:
        TrainingError: A target module that the base does not have.
        ModelError: The base model cannot be loaded.
    """
    from peft import LoraConfig, prepare_model_for_kbit_training
    from transformers import PrinterCallback
    from trl import SFTConfig

    from sql_ft.training.sft import LeanSFTTrainer

    train = config.train
    sharded = train.sharding == "fsdp"
    if sharded:
        from sql_ft.training import sharding

        model = sharding.load_sharded_base(config.model, effective, ranks)
    else:
        model = load_base(config.model, purpose="train")
    _check_target_modules(model, train.target_modules)
    checkpointing = train.gradient_checkpointing
    batch, accumulation = divide_step(
        train.per_device_train_batch_size, train.gradient_accumulation_steps, ranks.processes
    )
    prepared = collator = None
    trainer_class: type[LeanSFTTrainer] = LeanSFTTrainer
    if effective.packing:
        from sql_ft.training import packed_trainer

        prepared = packed_trainer.prepare_packed_base(
            config, effective, model, rows, ranks.processes
        )
        model, checkpointing = prepared.model, prepared.plan.checkpointing
        # A step is one batch; how many passes it takes is the memory plan's business.
        batch, accumulation = batch * accumulation, 1
        collator = packed_trainer.flatten_collator(
            effective, rows, prepared.plan, tokenizer.pad_token_id, ranks
        )
        trainer_class = packed_trainer.PackedSFTTrainer
    distribution: dict[str, Any] = {}
    if sharded:
        plan = sharding.plan_shards(model, effective, ranks.processes)
        distribution = sharding.fsdp_arguments(config.model, model)
        if checkpointing:
            # By the model itself, which keeps the random state: accelerate's wrapper does not, and
            # PEFT 0.21 finds no adapter inside it. FSDP2 gathers a layer no more often for it.
            model.gradient_checkpointing_enable({"use_reentrant": False})
        checkpointing = False
    checkpointing_kwargs = {"use_reentrant": False} if checkpointing else None
    # It would turn the norms, and with them the residual stream, into float32.
    if effective.quantization == "nf4" and not effective.fused and not sharded:
        model = prepare_model_for_kbit_training(
            model,
            use_gradient_checkpointing=checkpointing,
            gradient_checkpointing_kwargs=checkpointing_kwargs,
        )
    model.config.use_cache = False
    arguments = SFTConfig(
        output_dir=str(out_dir / CHECKPOINTS_FOLDER),
        num_train_epochs=train.num_train_epochs,
        max_steps=train.max_steps if train.max_steps > 0 else -1,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.lr_scheduler_type,
        # A share below 1 is a share of all steps.
        warmup_steps=train.warmup_ratio,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        optim=effective.optim,
        bf16=effective.precision == "bf16" and not effective.fused,
        fp16=effective.precision == "fp16",
        # Rows are whole or left out, and packing is our own.
        packing=False,
        max_length=None,
        train_sampling_strategy="group_by_length" if train.group_by_length else "random",
        **_checkpointing_arguments(SFTConfig, checkpointing, checkpointing_kwargs),
        seed=train.seed,
        data_seed=train.seed,
        logging_steps=train.logging_steps,
        # A loss that is no number must be seen, not replaced by the mean of the others.
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=train.save_steps,
        save_total_limit=2,
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=effective.device == "cpu",
        ddp_backend=ranks.backend(effective.device) if ranks.processes > 1 or sharded else None,
        ddp_find_unused_parameters=False,
        # Ours share each batch, and a packed step counts its tokens itself.
        accelerator_config={"even_batches": False},
        average_tokens_across_devices=not effective.packing,
        dataloader_pin_memory=effective.device == "cuda",
        remove_unused_columns=not effective.packing,
        **distribution,
    )
    trainer = trainer_class(
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=rows.to_dataset(),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=train.lora_r,
            lora_alpha=train.lora_alpha,
            lora_dropout=train.lora_dropout,
            bias=train.bias,
            target_modules=sorted(train.target_modules),
            task_type="CAUSAL_LM",
        ),
    )
    trainer.remove_callback(PrinterCallback)
    if ranks.processes > 1 and not effective.packing:
        trainer.data_collator = SharingCollator(trainer.data_collator, ranks)
    # TRL casts the LoRA weights of a quantized base to bfloat16. In float32 a resumed
    # training equals an uninterrupted one, and fp16's gradient scaler can unscale them.
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if sharded:
        trainer.shard_plan = plan
        sharding.finish_sharded_trainer(trainer, effective, ranks)
    if prepared is not None:
        packed_trainer.finish_packed_trainer(trainer, effective, rows, prepared)
    return trainer


def _checkpointing_arguments(
    config_class: Any, enabled: bool, kwargs: dict[str, bool] | None
) -> dict[str, Any]:
    # transformers renamed the setting in 5.2x and warns about the old name; both are in use.
    new_name = "activation_checkpointing"
    name = new_name if new_name in config_class.__dataclass_fields__ else "gradient_checkpointing"
    return {name: enabled, f"{name}_kwargs": kwargs}


def _check_target_modules(model: Any, targets: tuple[str, ...]) -> None:
    available = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if hasattr(module, "in_features") and name.rpartition(".")[2] != "lm_head"
        }
    )
    unknown = sorted(set(targets) - set(available))
    if unknown:
        raise TrainingError(
            f"the base model has no linear layers named {', '.join(unknown)}",
            setting="train.target_modules",
            expected=f"some of {', '.join(available)}",
        )


def _run_key(
    config: RunConfig, effective: EffectiveSettings, train_path: Path, revision: str
) -> str:
    return content_hash(
        {
            "train": config.train.model_dump(
                mode="json", exclude={"timeout_s", "logging_steps", "num_processes"}
            ),
            "effective": effective.to_params(),
            "max_length": config.data.max_length,
            "double_quantization": config.model.double_quantization,
            "rows": hashlib.sha256(train_path.read_bytes()).hexdigest(),
            "revision": revision,
        }
    )
