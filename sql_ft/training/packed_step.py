"""Forward and backward pass of flat micro-batches, replayed as CUDA graphs where they are small.

A step of eight samples is bound by launching its some 6,000 kernels from Python, not by
the GPU. The first pass of a shape runs as usual, which warms up what compiles on first use;
the second is captured, and from then on the pass is one launch.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch

from sql_ft.packed_attention import WholeRows
from sql_ft.training.flatten import GRAPH_TOKENS
from sql_ft.training.head_loss import CHUNK_ROWS, head_loss

_INPUTS = ("input_ids", "position_ids", "boundaries", "predicting", "targets", "slots")
# Shapes beyond this many run uncaptured: each graph keeps its own inputs and launches.
_MOST_GRAPHS = 24


@dataclasses.dataclass(slots=True)
class _Captured:
    graph: Any
    inputs: dict[str, torch.Tensor]


class PackedStep:
    """Accumulates the gradients of one optimizer step.

    Attributes:
        loss: Summed negative log-likelihood of the step so far, divided by the count.
        correct: Right guesses of the step so far.
    """

    def __init__(
        self,
        causal: Any,
        parameters: Sequence[torch.nn.Parameter],
        *,
        longest: int,
        graphs: bool,
        chunk_rows: int = CHUNK_ROWS,
        autocast: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        """Prepare buffers.

        Args:
            causal: Causal language model with its adapter in place, switched to packed
                attention.
            parameters: What is trained.
            longest: Tokens of the longest row.
            graphs: Capture small shapes (GPU, no autocast).
            chunk_rows: Rows of logits held at a time.
            autocast: Context of the forward pass.
        """
        self._causal = causal
        self._parameters = [p for p in parameters if p.requires_grad]
        self._longest = longest
        self._graphs = graphs
        self._chunk_rows = chunk_rows
        self._autocast = autocast
        device = self._parameters[0].device
        self._gradients = [torch.zeros_like(p) for p in self._parameters]
        self._inverse_count = torch.ones((), device=device)
        self.loss = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device)
        self._captured: dict[tuple[int, ...], _Captured] = {}
        self._seen: set[tuple[int, ...]] = set()
        # Captured graphs keep their memory. Passes that are not captured take theirs from
        # the same pool, or they would need it a second time.
        self._pool = torch.cuda.MemPool() if graphs else None

    @property
    def graphs_captured(self) -> int:
        """How many shapes are replayed as graphs."""
        return len(self._captured)

    def run(self, micro_batches: Sequence[dict[str, Any]], supervised: int) -> None:
        """Compute loss and gradients of one optimizer step; the parameters' ``grad`` is set.

        Args:
            micro_batches: `FlattenCollator`'s, on the device of the model.
            supervised: Supervised tokens of the whole step.
        """
        torch._foreach_zero_(self._gradients)
        self.loss.zero_()
        self.correct.zero_()
        self._inverse_count.fill_(1.0 / max(supervised, 1))
        for batch in micro_batches:
            self._pass(batch)
        # The optimizer's zero_grad drops them after each step.
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient

    def _pass(self, batch: dict[str, Any]) -> None:
        shape = tuple(batch[name].shape[-1] for name in _INPUTS)
        captured = self._captured.get(shape)
        if captured is None and self._worth_capturing(shape):
            captured = self._capture(batch)
            self._captured[shape] = captured
        if captured is None:
            self._seen.add(shape)
            with self._pooled():
                self._accumulate(batch)
            return
        for name, held in captured.inputs.items():
            held.copy_(batch[name])
        captured.graph.replay()

    def _worth_capturing(self, shape: tuple[int, ...]) -> bool:
        return (
            self._graphs
            and shape[0] <= GRAPH_TOKENS
            and shape in self._seen
            and len(self._captured) < _MOST_GRAPHS
        )

    def _capture(self, batch: dict[str, Any]) -> _Captured:
        inputs = {name: batch[name].clone() for name in _INPUTS}
        graph = torch.cuda.CUDAGraph()
        assert self._pool is not None
        # One pool: the graphs never run at the same time, and all that must outlive a
        # replay (inputs, loss, gradients) was allocated outside it.
        with torch.cuda.graph(graph, pool=self._pool.id):
            self._accumulate({**inputs, "lengths": batch["lengths"]})
        return _Captured(graph, inputs)

    def _pooled(self) -> contextlib.AbstractContextManager[Any]:
        if self._pool is None:
            return contextlib.nullcontext()
        return torch.cuda.use_mem_pool(self._pool)

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
