"""Several training processes on this machine, started and watched by PyTorch's launcher.

The launcher is the child that `trainer.train_adapter` starts. One process that ends badly
ends all of them, and the launcher ends as that one did: a killed process is a killed
training, which the next call continues.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from sql_ft.base_model import pick_device
from sql_ft.config import RunConfig
from sql_ft.errors import TrainingError

LOG_FOLDER = "launcher"
_SETTING = "train.num_processes"


def count_processes(config: RunConfig) -> int:
    """Return how many processes train: as configured, else one for each visible GPU.

    Raises:
        TrainingError: More processes than GPUs, or than a step has rows.
        ModelError: `model.device` asks for a GPU that PyTorch does not see.
    """
    train = config.train
    if train.sharding == "fsdp" and pick_device(config.model) == "cpu":
        raise TrainingError(
            "train.sharding fsdp divides a base among GPUs, this machine trains on its CPU",
            setting="train.sharding",
            expected="none",
        )
    if not train.may_spread:
        return 1
    wanted = train.num_processes
    if pick_device(config.model) == "cuda":
        import torch

        visible = torch.cuda.device_count()
        if wanted > visible:
            raise TrainingError(
                f"{wanted} training processes are asked for, {visible} GPUs are visible",
                setting=_SETTING,
                expected=f"at most {visible}, or 0 for all",
            )
        wanted = wanted or visible
    step_rows = train.per_device_train_batch_size * train.gradient_accumulation_steps
    if train.num_processes > step_rows:
        raise TrainingError(
            f"a step of {step_rows} rows cannot be shared by {train.num_processes} processes",
            setting=_SETTING,
            expected=f"at most {step_rows}, or more rows a step",
        )
    return max(1, min(wanted, step_rows))


def launch(processes: int, arguments: Sequence[str], out_dir: Path) -> int:
    """Run ``python -m sql_ft.training`` `processes` times and return the exit code of all.

    A process that a signal ended ends this one by the same signal.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    log_dir = out_dir / LOG_FOLDER
    log_dir.mkdir(parents=True, exist_ok=True)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        # Port 0: a free one.
        rdzv_endpoint="localhost:0",
        # Training continues from its checkpoint, by the task's own retry.
        max_restarts=0,
        monitor_interval=0.1,
        logs_specs=DefaultLogsSpecs(log_dir=str(log_dir)),
    )
    command = ("-m", "sql_ft.training", *arguments, "--parent-pid", str(os.getpid()), "--launched")
    try:
        elastic_launch(config, sys.executable)(*command)
    except SignalException as error:
        return 128 + int(error.sigval)
    except ChildFailedError as error:
        codes = [failure.exitcode for failure in error.failures.values()]
        # What the launcher itself ends, it ends by SIGTERM.
        killed = [-code for code in codes if code < 0 and -code != signal.SIGTERM]
        if killed:
            _die_by(killed[0])
        _, first = error.get_first_failure()
        return first.exitcode if first.exitcode > 0 else 1
    finally:
        shutil.rmtree(log_dir, ignore_errors=True)
    return 0


def _die_by(number: int) -> None:
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
