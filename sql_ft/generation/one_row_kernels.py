"""Triton kernels of a decoding step of one row; `one_row` says in which order they run.

A product of one row with a matrix is bound by reading the matrix, once, so each program takes
a few of its lines whole, and what stands before and behind the product (norm, sum, SwiGLU,
the adapter's low-rank part, argmax) is done in the same kernel. Sums are float32; every value
that the model's own modules round to its dtype is rounded here too, at the same place.

With `EARLY` (Hopper's programmatic launch) a kernel starts while the one before it ends: it
reads its weights, which nothing writes, and then waits for that kernel's results.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _wait(EARLY: tl.constexpr):
    if EARLY:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()


@triton.jit
def _normed(x_ptr, norm_ptr, cols, col_ok, K: tl.constexpr, eps):
    x = tl.load(x_ptr + cols, mask=col_ok, other=0.0)
    wide = x.to(tl.float32)
    scale = tl.rsqrt(tl.sum(wide * wide, axis=0) / K + eps)
    weight = tl.load(norm_ptr + cols, mask=col_ok, other=0.0).to(tl.float32)
    return ((wide * scale).to(x.dtype).to(tl.float32) * weight).to(x.dtype)


@triton.jit
def _low_rank(
    y, rows, row_ok, low_ptr, b_ptr, scale_ptr, FIRST: tl.constexpr, SECOND: tl.constexpr,
    RANK: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Add ``scale * B @ low``; rows from FIRST and SECOND on belong to other adapters' A."""
    part = (rows >= FIRST).to(tl.int32) + (rows >= SECOND).to(tl.int32)
    ranks = tl.arange(0, WIDTH)
    ok = row_ok[:, None] & (ranks < RANK)[None, :]
    b = tl.load(b_ptr + rows[:, None] * RANK + ranks[None, :], mask=ok, other=0.0)
    low = tl.load(low_ptr + part[:, None] * RANK + ranks[None, :], mask=ok, other=0.0)
    scale = tl.load(scale_ptr + rows, mask=row_ok, other=0.0)
    return y.to(tl.float32) + scale * tl.sum(b.to(tl.float32) * low.to(tl.float32), axis=1)


@triton.jit
def norm_product(
    x_ptr, norm_ptr, w_ptr, bias_ptr, low_ptr, b_ptr, scale_ptr, out_ptr, n, eps,
    K: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, BIAS: tl.constexpr,
    RANK: tl.constexpr, WIDTH: tl.constexpr, FIRST: tl.constexpr, SECOND: tl.constexpr,
    EARLY: tl.constexpr,
):  # fmt: skip
    """``out = W @ norm(x) + bias``, and the adapter's part."""
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    cols = tl.arange(0, BLOCK_K)
    row_ok, col_ok = rows < n, cols < K
    tile = rows.to(tl.int64)[:, None] * K + cols[None, :]
    w = tl.load(w_ptr + tile, mask=row_ok[:, None] & col_ok[None, :], other=0.0)
    _wait(EARLY)
    x = _normed(x_ptr, norm_ptr, cols, col_ok, K, eps)
    total = tl.sum(w.to(tl.float32) * x.to(tl.float32)[None, :], axis=1)
    if BIAS:
        total += tl.load(bias_ptr + rows, mask=row_ok, other=0.0).to(tl.float32)
    y = total.to(x.dtype)
    if RANK > 0:
        y = _low_rank(
            y, rows, row_ok, low_ptr, b_ptr, scale_ptr, FIRST, SECOND, RANK, WIDTH
        ).to(x.dtype)  # fmt: skip
    tl.store(out_ptr + rows, y, mask=row_ok)


@triton.jit
def norm_gated(
    x_ptr, norm_ptr, gate_ptr, up_ptr, out_ptr, n, eps,
    K: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """``out = silu(gate @ norm(x)) * (up @ norm(x))``."""
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    cols = tl.arange(0, BLOCK_K)
    row_ok, col_ok = rows < n, cols < K
    tile = rows.to(tl.int64)[:, None] * K + cols[None, :]
    ok = row_ok[:, None] & col_ok[None, :]
    w_gate = tl.load(gate_ptr + tile, mask=ok, other=0.0)
    w_up = tl.load(up_ptr + tile, mask=ok, other=0.0)
    _wait(EARLY)
    x = _normed(x_ptr, norm_ptr, cols, col_ok, K, eps)
    wide = x.to(tl.float32)[None, :]
    gate = tl.sum(w_gate.to(tl.float32) * wide, axis=1).to(x.dtype).to(tl.float32)
    up = tl.sum(w_up.to(tl.float32) * wide, axis=1).to(x.dtype).to(tl.float32)
    silu = (gate * tl.sigmoid(gate)).to(x.dtype).to(tl.float32)
    tl.store(out_ptr + rows, (silu * up).to(x.dtype), mask=row_ok)


@triton.jit
def norm_best(
    x_ptr, norm_ptr, w_ptr, best_ptr, index_ptr, n, eps,
    K: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """The head's largest logit among a program's rows, and the first row that has it."""
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    cols = tl.arange(0, BLOCK_K)
    row_ok, col_ok = rows < n, cols < K
    tile = rows.to(tl.int64)[:, None] * K + cols[None, :]
    w = tl.load(w_ptr + tile, mask=row_ok[:, None] & col_ok[None, :], other=0.0)
    _wait(EARLY)
    x = _normed(x_ptr, norm_ptr, cols, col_ok, K, eps)
    total = tl.sum(w.to(tl.float32) * x.to(tl.float32)[None, :], axis=1)
    logits = tl.where(row_ok, total.to(x.dtype).to(tl.float32), float("-inf"))
    best = tl.max(logits, axis=0)
    tl.store(best_ptr + tl.program_id(0), best)
    first = tl.min(tl.where(logits == best, rows, n - 1), axis=0)
    tl.store(index_ptr + tl.program_id(0), first)


@triton.jit
def attend(
    qkv_ptr, cos_ptr, sin_ptr, keys_ptr, values_ptr, sums_ptr, tops_ptr, weights_ptr,
    position_ptr, start_ptr, count_ptr, scale,
    HEADS: tl.constexpr, GROUPS: tl.constexpr, D: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Rotate, store the new key and value, and attend to one chunk of the row with one head.

    `sums` are not yet divided; `tops` are the largest scores, `weights` the sums of weights.
    """
    head, chunk = tl.program_id(0), tl.program_id(1)
    _wait(EARLY)
    count = tl.load(count_ptr)
    first = chunk * CHUNK
    if first < count:
        group = head // (HEADS // GROUPS)
        d = tl.arange(0, D)
        other = (d + D // 2) % D
        sign = tl.where(d < D // 2, -1.0, 1.0)
        at = tl.load(position_ptr) * D + d
        cos = tl.load(cos_ptr + at).to(tl.float32)
        sin = tl.load(sin_ptr + at).to(tl.float32)
        q_at = qkv_ptr + head * D
        q = tl.load(q_at + d)
        kind = q.dtype
        turned = (sign * tl.load(q_at + other).to(tl.float32) * sin).to(kind)
        q = ((q.to(tl.float32) * cos).to(kind) + turned).to(kind).to(tl.float32)
        k_at = qkv_ptr + (HEADS + group) * D
        turned = (sign * tl.load(k_at + other).to(tl.float32) * sin).to(kind)
        new_k = ((tl.load(k_at + d).to(tl.float32) * cos).to(kind) + turned).to(kind)
        new_v = tl.load(qkv_ptr + (HEADS + GROUPS + group) * D + d)
        row = (tl.load(start_ptr).to(tl.int64) * GROUPS + group) * D
        if (head % (HEADS // GROUPS) == 0) & (count <= first + CHUNK):
            new_at = row + (count - 1) * GROUPS * D + d
            tl.store(keys_ptr + new_at, new_k)
            tl.store(values_ptr + new_at, new_v)
        top = float("-inf")
        weight = 0.0
        total = tl.zeros([D], dtype=tl.float32)
        for begin in range(0, CHUNK, BLOCK):
            tokens = first + begin + tl.arange(0, BLOCK)
            places = row + tokens[:, None] * (GROUPS * D) + d[None, :]
            old = (tokens < count - 1)[:, None]
            new = (tokens == count - 1)[:, None]
            k = tl.load(keys_ptr + places, mask=old, other=0.0)
            v = tl.load(values_ptr + places, mask=old, other=0.0)
            k = tl.where(new, new_k[None, :], k).to(tl.float32)
            v = tl.where(new, new_v[None, :], v).to(tl.float32)
            scores = tl.sum(k * q[None, :], axis=1) * scale
            scores = tl.where(tokens < count, scores, float("-inf"))
            # The chunk's first token is one of the row's, so `top` is finite from the start.
            higher = tl.maximum(top, tl.max(scores, axis=0))
            shrink = tl.exp(top - higher)
            p = tl.exp(scores - higher)
            weight = weight * shrink + tl.sum(p, axis=0)
            total = total * shrink + tl.sum(p[:, None] * v, axis=0)
            top = higher
        out = chunk * HEADS + head
        tl.store(sums_ptr + out * D + d, total)
        tl.store(tops_ptr + out, top)
        tl.store(weights_ptr + out, weight)


@triton.jit
def _attended(
    sums_ptr, tops_ptr, weights_ptr, count_ptr, cols, col_ok,
    HEADS: tl.constexpr, D: tl.constexpr, CHUNK: tl.constexpr, CHUNKS: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    """Put the chunks' sums together, in their order."""
    count = tl.load(count_ptr)
    top = tl.full([BLOCK_K], float("-inf"), tl.float32)
    weight = tl.zeros([BLOCK_K], dtype=tl.float32)
    total = tl.zeros([BLOCK_K], dtype=tl.float32)
    for chunk in tl.static_range(CHUNKS):
        at = chunk * HEADS + cols // D
        # A chunk that the row does not reach yet weighs nothing, exactly.
        ok = col_ok & (chunk * CHUNK < count)
        here = tl.load(tops_ptr + at, mask=ok, other=float("-inf"))
        higher = tl.maximum(top, here)
        shrink, grow = tl.exp(top - higher), tl.exp(here - higher)
        weight = weight * shrink + grow * tl.load(weights_ptr + at, mask=ok, other=0.0)
        sums = tl.load(sums_ptr + chunk * HEADS * D + cols, mask=ok, other=0.0)
        total = total * shrink + grow * sums
        top = higher
    return tl.where(col_ok, total / weight, 0.0)


@triton.jit
def attended_product(
    sums_ptr, tops_ptr, weights_ptr, count_ptr, w_ptr, low_ptr, b_ptr, scale_ptr, out_ptr, n,
    K: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, HEADS: tl.constexpr,
    D: tl.constexpr, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, RANK: tl.constexpr,
    WIDTH: tl.constexpr, ADD: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """``out = W @ attended``, or that added to `out`, and the adapter's part."""
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    cols = tl.arange(0, BLOCK_K)
    row_ok, col_ok = rows < n, cols < K
    tile = rows.to(tl.int64)[:, None] * K + cols[None, :]
    w = tl.load(w_ptr + tile, mask=row_ok[:, None] & col_ok[None, :], other=0.0)
    _wait(EARLY)
    x = _attended(
        sums_ptr, tops_ptr, weights_ptr, count_ptr, cols, col_ok, HEADS, D, CHUNK, CHUNKS,
        BLOCK_K,
    ).to(w.dtype)  # fmt: skip
    y = tl.sum(w.to(tl.float32) * x.to(tl.float32)[None, :], axis=1).to(w.dtype)
    if RANK > 0:
        y = _low_rank(
            y, rows, row_ok, low_ptr, b_ptr, scale_ptr, 2147483647, 2147483647, RANK, WIDTH
        ).to(w.dtype)  # fmt: skip
    if ADD:
        before = tl.load(out_ptr + rows, mask=row_ok, other=0.0)
        y = (before.to(tl.float32) + y.to(tl.float32)).to(w.dtype)
    tl.store(out_ptr + rows, y, mask=row_ok)


@triton.jit
def add_product(
    x_ptr, w_ptr, out_ptr, n,
    K: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """``out += W @ x``, for lines too long to be read whole."""
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_ok = rows < n
    start = rows.to(tl.int64)[:, None] * K
    cols = tl.arange(0, BLOCK_K)
    w = tl.load(
        w_ptr + start + cols[None, :], mask=row_ok[:, None] & (cols < K)[None, :], other=0.0
    )
    _wait(EARLY)
    x = tl.load(x_ptr + cols, mask=cols < K, other=0.0)
    total = w.to(tl.float32) * x.to(tl.float32)[None, :]
    for first in tl.static_range(BLOCK_K, K, BLOCK_K):
        more = first + cols
        ok = more < K
        w = tl.load(w_ptr + start + more[None, :], mask=row_ok[:, None] & ok[None, :], other=0.0)
        x = tl.load(x_ptr + more, mask=ok, other=0.0)
        total += w.to(tl.float32) * x.to(tl.float32)[None, :]
    y = tl.sum(total, axis=1).to(w.dtype)
    before = tl.load(out_ptr + rows, mask=row_ok, other=0.0)
    tl.store(out_ptr + rows, (before.to(tl.float32) + y.to(tl.float32)).to(w.dtype), mask=row_ok)


@triton.jit
def choose(
    best_ptr, index_ptr, stops_ptr, stops,
    token_ptr, out_ptr, step_ptr, stopped_ptr, position_ptr, place_ptr, count_ptr,
    PARTS: tl.constexpr, BLOCK: tl.constexpr, STOPS: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """The first of the largest logits; note it and make ready for the next step."""
    _wait(EARLY)
    top = tl.full([BLOCK], float("-inf"), tl.float32)
    index = tl.full([BLOCK], 2147483647, tl.int32)
    for first in range(0, PARTS, BLOCK):
        at = first + tl.arange(0, BLOCK)
        here = tl.load(best_ptr + at, mask=at < PARTS, other=float("-inf"))
        where = tl.load(index_ptr + at, mask=at < PARTS, other=2147483647)
        # Parts come in the order of their rows: of equals the earlier stays.
        higher = here > top
        index = tl.where(higher, where, index)
        top = tl.where(higher, here, top)
    best = tl.max(top, axis=0)
    # No number compares equal where all are NaN; 0 is a token at least.
    chosen = tl.min(tl.where(top == best, index, 2147483647), axis=0)
    chosen = tl.where(chosen == 2147483647, 0, chosen)
    step = tl.load(step_ptr)
    tl.store(token_ptr, chosen.to(tl.int64))
    tl.store(out_ptr + step, chosen.to(tl.int64))
    tl.store(step_ptr, step + 1)
    which = tl.arange(0, STOPS)
    ends = tl.load(stops_ptr + which, mask=which < stops, other=-1)
    stop = tl.max((ends == chosen).to(tl.int32), axis=0)
    tl.store(stopped_ptr, ((tl.load(stopped_ptr).to(tl.int32) | stop) != 0).to(tl.int1))
    tl.store(position_ptr, tl.load(position_ptr) + 1)
    tl.store(place_ptr, tl.load(place_ptr) + 1)
    tl.store(count_ptr, tl.load(count_ptr) + 1)
