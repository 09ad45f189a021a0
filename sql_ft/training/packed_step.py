"""Forward and backward pass of flat micro-batches, replayed as CUDA graphs where they are small.

A step of eight samples is bound by launching its some 6,000 kernels from Python, not by
the GPU. One short pass runs as usual, which warms up what compiles on first use; after it
each shape is captured when it is first seen, and from then on a pass is one launch. Passes
either all are captured or none is: graphs keep their memory, and a pass beside them would
need it a second time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from sql_ft.packed_attention import WholeRows
from sql_ft.training.dataset import IGNORED
from sql_ft.training.head_loss import CHUNK_ROWS, head_loss

_INPUTS = ("input_ids", "position_ids", "boundaries", "predicting", "targets", "slots")
_WARM_UP_TOKENS = 256


@dataclasses.dataclass(slots=True)
class _Captured:
    graph: Any
    inputs: dict[str, torch.Tensor]


class PackedStep:
    """Accumulates the gradients of one optimizer step.

    Attributes:
        loss: Summed negative log-likelihood of the step so far, divided by the count.
        correct: Right guesses of the step so far.
        sums: Gradients of the step so far, in the order of what is trained; loss; correct tokens.
    """

    def __init__(
        self,
        causal: Any,
        parameters: Sequence[torch.nn.Parameter],
        *,
        longest: int,
        graphs: bool,
        arena_bytes: int = 0,
        chunk_rows: int = CHUNK_ROWS,
        processes: int = 1,
        autocast: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        """Prepare buffers.

        Args:
            causal: Causal language model with its adapter in place, switched to packed
                attention.
            parameters: What is trained.
            longest: Tokens of the longest row.
            graphs: Capture passes (GPU, no autocast, nothing recomputed).
            arena_bytes: Memory that a pass is expected to need, taken in one piece before the
                first capture: passes of many shapes then share it without gaps.
            chunk_rows: Rows of logits held at a time.
            processes: Processes that share the rows of a step; their gradients are summed.
            autocast: Context of the forward pass.
        """
        self._causal = causal
        self._parameters = [p for p in parameters if p.requires_grad]
        self._longest = longest
        self._graphs = graphs
        self._arena_bytes = arena_bytes
        self._arena: Any = None
        self._chunk_rows = chunk_rows
        self._autocast = autocast
        self._processes = processes
        device = self._parameters[0].device
        # One piece: it is one sum over threads or processes.
        sizes = [p.numel() for p in self._parameters]
        self.sums = torch.zeros(sum(sizes) + 2, device=device)
        *parts, self.loss, self.correct = torch.split(self.sums, [*sizes, 1, 1])
        self.loss, self.correct = self.loss[0], self.correct[0]
        self._gradients = [part.view_as(p) for part, p in zip(parts, self._parameters, strict=True)]
        self._inverse_count = torch.ones((), device=device)
        self._captured: dict[tuple[int, ...], _Captured] = {}
        self._pool: Any = None

    @property
    def graphs_captured(self) -> int:
        """How many shapes are replayed as graphs."""
        return len(self._captured)

    def run(self, micro_batches: Sequence[dict[str, Any]], supervised: int) -> None:
        """Compute loss and gradients of one optimizer step; the parameters' ``grad`` is set.

        Args:
            micro_batches: `FlattenCollator`'s, on the device of the model; perhaps none.
            supervised: Supervised tokens of the whole step, over all processes.
        """
        self.sums.zero_()
        self._inverse_count.fill_(1.0 / max(supervised, 1))
        for batch in micro_batches:
            self._pass(batch)
        if self._processes > 1:
            # A sum, not a mean: each part is already divided by the count of all.
            torch.distributed.all_reduce(self.sums)
        self.set_gradients()

    def set_gradients(self) -> None:
        """Make the sums the parameters' ``grad``; the optimizer drops them after each step."""
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient

    def _pass(self, batch: dict[str, Any]) -> None:
        if not self._graphs:
            self._accumulate(batch)
            return
        shape = tuple(batch[name].shape[-1] for name in _INPUTS)
        captured = self._captured.get(shape)
        if captured is None:
            captured = self._captured[shape] = self._capture(batch)
        for name, held in captured.inputs.items():
            held.copy_(batch[name])
        captured.graph.replay()

    def _capture(self, batch: dict[str, Any]) -> _Captured:
        if self._pool is None:
            self._warm_up()
            self._pool = torch.cuda.graph_pool_handle()
            self._take_arena()
        inputs = {name: batch[name].clone() for name in _INPUTS}
        graph = torch.cuda.CUDAGraph()
        # One pool: the graphs never run at the same time, and all that must outlive a
        # replay (inputs, loss, gradients) was allocated outside it. The mode lets cuBLAS
        # load a kernel that this shape is the first to need.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="relaxed"):
            self._accumulate({**inputs, "lengths": batch["lengths"]})
        return _Captured(graph, inputs)

    def _take_arena(self) -> None:
        if self._arena_bytes <= 0:
            return
        # Freed at once, the piece stays with the pool as long as the graph lives.
        self._arena = torch.cuda.CUDAGraph()
        # The mode lets NCCL's watchdog look at its events meanwhile.
        with torch.cuda.graph(self._arena, pool=self._pool, capture_error_mode="thread_local"):
            torch.empty(self._arena_bytes, dtype=torch.uint8, device="cuda")[:1].zero_()

    def _warm_up(self) -> None:
        """Run a short pass without a supervised token: it adds nothing to the gradients."""
        device = self._parameters[0].device
        tokens = _WARM_UP_TOKENS
        ends = [*range(0, tokens, self._longest), tokens]
        positions = torch.arange(tokens, device=device)
        self._accumulate(
            {
                "input_ids": torch.zeros_like(positions)[None],
                "position_ids": (positions % self._longest)[None],
                "boundaries": torch.tensor(ends, dtype=torch.int32, device=device),
                "predicting": torch.zeros_like(positions),
                "targets": torch.full_like(positions, IGNORED),
                "slots": torch.full_like(positions, tokens),
                "lengths": tuple(b - a for a, b in itertools.pairwise(ends)),
            }
        )
        torch.cuda.synchronize()
        torch.cuda.empty_cache()

    def _accumulate(self, batch: dict[str, Any]) -> None:
        rows = WholeRows(batch["boundaries"], self._longest, batch["lengths"])
        with self._autocast():
            hidden = self._causal.base_model(
                input_ids=batch["input_ids"],
                position_ids=batch["position_ids"],
                # With a cache transformers would keep all keys for nothing.
                use_cache=False,
                packed_rows=rows,
            ).last_hidden_state[0]
        head = self._causal.get_output_embeddings().weight
        loss, correct = head_loss(
            hidden.to(head.dtype),
            head,
            batch["predicting"],
            batch["targets"],
            batch["slots"],
            chunk_rows=self._chunk_rows,
        )
        mean = loss * self._inverse_count
        gradients = torch.autograd.grad(mean, self._parameters)
        torch._foreach_add_(self._gradients, list(gradients))
        self.loss += mean.detach()
        self.correct += correct
