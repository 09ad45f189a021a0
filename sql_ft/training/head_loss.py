"""Language-model head and cross-entropy at the supervised positions, without their logits.

The head is frozen, so all that training needs of it is the gradient of the hidden states.
It is computed chunk by chunk in the forward pass, over the logits themselves: a chunk's
logits become its loss, then in place the gradient of the loss, then the gradient of the
hidden states, and are gone. (liger-kernel's fused linear cross-entropy does the same in
chunks of 128 tokens at this vocabulary, which reads the 467 MB of the head 2 × 256 times
for 32k tokens, and its backward pass asks the GPU for a value, which a captured graph
cannot.)
"""

from __future__ import annotations

import functools
from typing import Any

import torch

from sql_ft.training.dataset import IGNORED

# Rows of logits at a time; 2,048 × 151,936 in bfloat16 are 0.6 GB.
CHUNK_ROWS = 2048


def head_loss(
    hidden: torch.Tensor,
    head: torch.Tensor,
    predicting: torch.Tensor,
    targets: torch.Tensor,
    slots: torch.Tensor,
    *,
    chunk_rows: int = CHUNK_ROWS,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the summed negative log-likelihood and the number of right guesses.

    Args:
        hidden: ``[tokens, width]``, after the last norm.
        head: ``[vocabulary, width]``; it gets no gradient.
        predicting: Positions in `hidden` whose next token is supervised, each once, and
            filling.
        targets: The tokens to predict; -100 for filling.
        slots: For each position of `hidden` its index in `predicting`; the length of
            `predicting` where it is not there.
        chunk_rows: Rows of logits held at a time.
    """
    loss, correct = _HeadLoss.apply(  # type: ignore[no-untyped-call]
        hidden, head, predicting, targets, slots, chunk_rows
    )
    return loss, correct


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        head: torch.Tensor,
        predicting: torch.Tensor,
        targets: torch.Tensor,
        slots: torch.Tensor,
        chunk_rows: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        selected = hidden.index_select(0, predicting)
        gradients = []
        loss = hidden.new_zeros((), dtype=torch.float32)
        correct = hidden.new_zeros((), dtype=torch.float32)
        for rows, wanted in zip(
            torch.split(selected, chunk_rows), torch.split(targets, chunk_rows), strict=True
        ):
            logits = rows @ head.t()
            row_loss, right = softmax_minus_target(logits, wanted)
            loss += row_loss.sum()
            correct += right.sum()
            gradients.append(logits @ head)
        # Gathered, not scattered: deterministic as it is.
        gradients.append(hidden.new_zeros((1, hidden.shape[1])))
        ctx.save_for_backward(torch.cat(gradients).index_select(0, slots))
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None, None, None, None


def softmax_minus_target(
    logits: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn logits into the gradient of their cross-entropy, in place.

    Args:
        logits: ``[rows, vocabulary]``, overwritten; rows without a target become zero.
        targets: ``[rows]``; -100 is no target.

    Returns:
        Negative log-likelihood and whether the target is (one of) the largest, per row.
    """
    if logits.is_cuda:
        return _launch(logits, targets)
    counted = targets != IGNORED
    wanted = targets.clamp(min=0)[:, None]
    scores = logits.float()
    log_probabilities = scores.log_softmax(dim=-1)
    loss = torch.where(counted, -log_probabilities.gather(1, wanted)[:, 0], 0.0)
    right = (scores.gather(1, wanted)[:, 0] >= scores.amax(dim=-1)) & counted
    gradient = log_probabilities.exp_()
    gradient.scatter_add_(1, wanted, -torch.ones_like(wanted, dtype=gradient.dtype))
    logits.copy_(gradient * counted[:, None])
    return loss, right.float()


def _launch(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rows, vocabulary = logits.shape
    loss = torch.empty(rows, dtype=torch.float32, device=logits.device)
    right = torch.empty_like(loss)
    _kernel()[(rows,)](
        logits,
        logits.stride(0),
        targets,
        loss,
        right,
        vocabulary,
        IGNORED,
        BLOCK=8192,
        num_warps=16,
    )
    return loss, right


@functools.cache
def _kernel() -> Any:
    # Triton is there where a GPU is; a CPU-only PyTorch comes without it.
    from sql_ft.training.head_loss_kernel import softmax_minus_target_kernel

    return softmax_minus_target_kernel
