"""Two processes on one GPU, which NCCL refuses: gloo, and what of it works on CUDA tensors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from sql_ft.training.ranks import Ranks


def share_one_gpu() -> None:
    """Exchange by gloo, the sum of gradients and DTensor's own gathers through the host's memory.

    The sum is gloo's all-reduce there, of which each process takes its part. DTensor gathers (the
    norm of the gradients, the adapter) by `allgather_into_tensor_coalesced`, which in gloo reads
    CUDA addresses as if they were the host's: pytorch/pytorch#152645.
    """
    from torch.distributed import _functional_collectives as functional
    from torch.distributed.distributed_c10d import _resolve_process_group
    from torch.distributed.fsdp._fully_shard import _fsdp_collectives as collectives

    distributed: Any = torch.distributed
    Ranks.backend = lambda self, device: "gloo"  # type: ignore[method-assign]

    def reduce_scatter(
        self: Any,
        output_tensor: Any,
        input_tensor: Any,
        group: Any,
        op: Any,
        async_op: bool = False,
    ) -> None:
        whole = input_tensor.cpu()
        distributed.all_reduce(whole, group=group)
        if op == distributed.ReduceOp.AVG:
            whole /= group.size()
        mine = whole.view(group.size(), -1)[group.rank()]
        output_tensor.copy_(mine.view_as(output_tensor))

    def gather(self: Any, gather_dim: int, group: Any, tag: str = "") -> Any:
        members = _resolve_process_group(functional._resolve_group_name(group, tag))
        mine = self.cpu().contiguous()
        parts = [torch.empty_like(mine) for _ in range(members.size())]
        distributed.all_gather(parts, mine, group=members)
        return torch.cat(parts, dim=gather_dim).to(self.device)

    collectives.DefaultReduceScatter.__call__ = reduce_scatter  # type: ignore[method-assign]
    # torch 2.13 renamed it.
    functional.all_gather_tensor = functional.all_gather_single = gather


def try_collective(name: str) -> None:
    """Run one of gloo's collectives on CUDA tensors, as one of two processes on one GPU."""
    distributed: Any = torch.distributed
    distributed.init_process_group("gloo")
    one, two = torch.ones(2, device="cuda"), torch.ones(4, device="cuda")
    if name == "all_gather":
        distributed.all_gather_into_tensor(two, one)
    elif name == "all_reduce":
        distributed.all_reduce(two)
    else:
        operation = getattr(distributed.ReduceOp, name.rpartition("_")[2].upper())
        distributed.reduce_scatter_tensor(one, two, op=operation)
    torch.cuda.synchronize()


def collectives_on_one_gpu(script: Path) -> dict[str, str]:
    """Which of gloo's collectives work on CUDA tensors: ``works``, or how the process ended.

    Args:
        script: Calls `try_collective` for `--collective NAME`.
    """
    found = {}
    for name in ("all_gather", "all_reduce", "reduce_scatter_sum", "reduce_scatter_avg"):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = [sys.executable, *launcher, str(script.resolve()), "--collective", name]
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment)
        ends = re.findall(r"exitcode *: (-?\d+)", done.stderr)
        errors = re.findall(r"^(?:\[rank\d\]: *)?(\w*Error: .*)$", done.stderr, re.MULTILINE)
        ended = "; ".join([f"exit codes {', '.join(ends)}", *errors[:1]])
        found[name] = "works" if done.returncode == 0 else ended
    return found
