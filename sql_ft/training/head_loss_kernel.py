"""The GPU kernel of `head_loss`, apart because it needs Triton to be imported."""
# Triton reads the annotations of a kernel, so they cannot be postponed here.

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator]
def softmax_minus_target_kernel(  # type: ignore[no-untyped-def]
    logits_ptr,
    row_stride,
    targets_ptr,
    loss_ptr,
    right_ptr,
    vocabulary,
    ignored: tl.constexpr,
    BLOCK: tl.constexpr,  # noqa: N803
):
    """One program a row: online softmax, then its gradient over the logits."""
    row = tl.program_id(0).to(tl.int64)
    logits = logits_ptr + row * row_stride
    target = tl.load(targets_ptr + row)
    offsets = tl.arange(0, BLOCK)
    if target == ignored:
        for start in range(0, vocabulary, BLOCK):
            columns = start + offsets
            tl.store(logits + columns, 0.0, mask=columns < vocabulary)
        tl.store(loss_ptr + row, 0.0)
        tl.store(right_ptr + row, 0.0)
        return
    wanted = tl.load(logits + target).to(tl.float32)
    largest = -float("inf")
    total = 0.0
    for start in range(0, vocabulary, BLOCK):
        columns = start + offsets
        block = tl.load(logits + columns, mask=columns < vocabulary, other=-float("inf"))
        block = block.to(tl.float32)
        new_largest = tl.maximum(largest, tl.max(block))
        total = total * tl.exp(largest - new_largest) + tl.sum(tl.exp(block - new_largest))
        largest = new_largest
    tl.store(loss_ptr + row, tl.log(total) + largest - wanted)
    tl.store(right_ptr + row, tl.where(wanted >= largest, 1.0, 0.0))
    # Every thread must have read the target's logit before any overwrites it.
    tl.debug_barrier()
    for start in range(0, vocabulary, BLOCK):
        columns = start + offsets
        inside = columns < vocabulary
        block = tl.load(logits + columns, mask=inside, other=-float("inf")).to(tl.float32)
        gradient = tl.exp(block - largest) / total
        gradient = tl.where(columns == target, gradient - 1.0, gradient)
        tl.store(logits + columns, gradient, mask=inside)
