"""One of several processes that train sharded on a CPU; run by `torch.distributed.run`.

accelerate takes FSDP for GPUs alone: on a CPU it would leave the plug-in aside and wrap the
model in DistributedDataParallel. Here it is told that several CPU processes are FSDP's too;
everything after that is what GPUs do, over gloo.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from small_training import MemorySink, make_samples

from sql_ft.base_model import load_tokenizer
from sql_ft.config import RunConfig
from sql_ft.data.chat import encode_prompt
from sql_ft.training import core


def allow_cpu() -> None:
    """Let accelerate shard over CPU processes."""
    plain = AcceleratorState.__init__

    def sharding(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.distributed_type = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    AcceleratorState.__init__ = sharding


class Dying(MemorySink):
    """Kills the process at a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(metrics, step)
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    config_path, rows, out_dir = map(Path, sys.argv[1:4])
    die_at = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    torch.set_num_threads(1)
    config = RunConfig.model_validate_json(config_path.read_text())
    if config.train.sharding == "fsdp":
        allow_cpu()
    sink = Dying(die_at) if die_at else MemorySink()
    trainers = []
    build = core.build_trainer

    def kept(*args: Any, **kwargs: Any) -> Any:
        trainers.append(build(*args, **kwargs))
        return trainers[0]

    core.build_trainer = kept  # type: ignore[assignment]
    result = core.run_training(config, rows, out_dir, sink)
    ids = torch.tensor([encode_prompt(load_tokenizer(config.model), make_samples(1)[0])])
    with torch.no_grad():
        logits = trainers[0].model.train()(input_ids=ids, use_cache=False).logits
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    if os.environ.get("RANK", "0") == "0":
        torch.save(logits, out_dir / "logits.pt")
        (out_dir / "seen.json").write_text(
            json.dumps(
                {
                    "loss": sink.curve("train/loss"),
                    "params": sink.params,
                    "result": result.to_dict(),
                }
            )
        )


if __name__ == "__main__":
    main()
