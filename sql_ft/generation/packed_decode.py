"""Greedy decoding on a GPU: no padding, no cache that grows, one launch a token.

Prompts are processed end to end in flat passes, each row's keys and values into its own
slot. Then every step is the same graph over tensors at fixed addresses: embed, layers,
head, argmax, and the bookkeeping for the next step. The host looks only every few steps
which rows have stopped; when half of them have, the rest go on in a graph of half the size.

The tokens are those of `transformers`' ``generate(do_sample=False)`` row by row in float32;
in bfloat16 a near-tie can fall the other way, as it does between any two batch sizes. A
decoder that is kept (serving) also replays the prompt of a single row. A row that comes alone
can be decoded with kernels of its own (`one_row`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch

from sql_ft.generation.greedy import Decoded
from sql_ft.generation.kv_slots import KVSlots, PromptRows, StepRows
from sql_ft.generation.one_row import OneRow
from sql_ft.generation.one_row_weights import why_not
from sql_ft.generation.packed_state import Prompts, State
from sql_ft.packed_attention import WholeRows, packed_attention_used, read_packed, takes_boundaries

logger = logging.getLogger(__name__)

_PROMPT_TOKENS = 16384
_LOOK_EVERY = 8
# Of the memory that is free once the model is loaded.
_CACHE_SHARE = 0.6
_SLOT_STEP = 64


class PackedDecoder:
    """Decodes batches with one model as it is now; another adapter needs another decoder."""

    def __init__(
        self,
        causal: Any,
        *,
        slots: int,
        slot_tokens: int,
        max_new_tokens: int,
        stop_ids: Sequence[int],
        graphs: bool,
        one_row_kernels: bool = False,
    ) -> None:
        """Allocate the cache.

        Args:
            causal: Causal language model in evaluation mode, its adapter beside or merged.
            slots: Rows decoded together at most.
            slot_tokens: Tokens of the longest prompt with its answer.
            max_new_tokens: Most tokens to generate per row.
            stop_ids: Ids that end a row.
            graphs: Capture and replay steps (GPU).
            one_row_kernels: Decode a prompt that comes alone with `one_row`'s kernels.
        """
        parameter = next(causal.parameters())
        self.device = parameter.device
        self._causal = causal
        self._head = causal.get_output_embeddings()
        dtype = self._head.weight.dtype
        self._limit = max_new_tokens
        self._stops = torch.tensor(list(stop_ids), dtype=torch.long, device=self.device)
        self.cache = KVSlots(causal.config, slots, slot_tokens, dtype=dtype, device=self.device)
        self._pool: Any = torch.cuda.MemPool() if graphs else None
        self._graphs: dict[tuple[int, int, bool], tuple[Any, State]] = {}
        self._longest = slot_tokens
        self._one_row = OneRow(causal, self.cache, self._stops) if one_row_kernels else None
        self._alone = False
        # By rounded length: None once seen, then the graph, its inputs and its result.
        self._prompt_graphs: dict[int, tuple[Any, Prompts, torch.Tensor] | None] = {}

    def takes(self, prompts: Sequence[Sequence[int]]) -> bool:
        """Say whether every prompt and its answer fit into a slot."""
        return max(map(len, prompts)) + self._limit <= self.cache.slot_tokens

    def decode(self, prompts: Sequence[Sequence[int]]) -> list[Decoded]:
        """Decode at most `slots` prompts."""
        # The batch's own, whatever the slots are made for: see `StepRows.longest`.
        self._longest = _round_up(max(map(len, prompts)) + self._limit)
        # Not the last row of many: rows judged together keep the kernels of many rows.
        self._alone = len(prompts) == 1
        with torch.inference_mode(), packed_attention_used(self._causal):
            state = self._read_prompts(prompts)
            return self._continue(state, len(prompts))

    def _continue(self, state: State, count: int) -> list[Decoded]:
        order = list(range(count))
        finished: list[list[int] | None] = [None] * count
        done = 1
        running = state
        while True:
            stopped = running.stopped.tolist()
            alive = [place for place, end in enumerate(stopped) if not end]
            if not alive or done >= self._limit:
                break
            if len(alive) <= len(order) // 2:
                self._collect(running, order, finished)
                # An even half: few sizes of graph, whatever the rows do.
                size = max(len(alive), len(order) // 2)
                others = [place for place, end in enumerate(stopped) if end]
                keep = sorted(alive + others[: size - len(alive)])
                running = running.kept(torch.tensor(keep, device=self.device))
                order = [order[place] for place in keep]
            steps = min(_LOOK_EVERY, self._limit - done)
            running = self._advance(running, steps)
            done += steps
        self._collect(running, order, finished)
        return [self._cut(row) for row in finished if row is not None]

    def _advance(self, state: State, steps: int) -> State:
        """Do some steps; return the state, which lies in the graph's tensors from then on."""
        shape = (len(state.tokens), self._longest, self._alone)
        if self._pool is None:
            for _ in range(steps):
                self._step(state)
            return state
        if shape not in self._graphs:
            with torch.cuda.use_mem_pool(self._pool):
                self._step(state)
            steps -= 1
            held = State(*(tensor.clone() for tensor in state.fields()))
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool.id):
                self._step(held)
            self._graphs[shape] = (graph, held)
        graph, held = self._graphs[shape]
        if held is not state:
            held.load(state)
        for _ in range(steps):
            graph.replay()
        return held

    def _step(self, state: State) -> None:
        if self._alone and self._one_row is not None:
            self._one_row.step(state, self._longest)
            return
        rows = StepRows(
            self.cache,
            state.places,
            state.query_starts,
            state.slot_starts,
            state.counts,
            self._longest,
        )
        hidden = read_packed(self._causal, state.tokens, state.positions, rows)
        self._choose(hidden, state)
        state.positions.add_(1)
        state.places.add_(1)
        state.counts.add_(1)

    def _choose(self, hidden: torch.Tensor, state: State) -> None:
        chosen = self._head(hidden).argmax(dim=-1)
        state.tokens.copy_(chosen)
        state.out.index_copy_(1, state.step, chosen[:, None])
        state.stopped.logical_or_(torch.isin(chosen, self._stops))
        state.step.add_(1)

    def _read_prompts(self, prompts: Sequence[Sequence[int]]) -> State:
        """Fill the slots and choose each row's first token."""
        device, length = self.device, self.cache.slot_tokens
        lasts = []
        first = 0
        while first < len(prompts):
            end, tokens = first, 0
            while end < len(prompts) and (
                end == first or tokens + len(prompts[end]) <= _PROMPT_TOKENS
            ):
                tokens += len(prompts[end])
                end += 1
            lasts.append(self._read_some(prompts[first:end], first))
            first = end
        lengths = torch.tensor([len(p) for p in prompts])
        starts = torch.arange(len(prompts) + 1) * length
        state = State(
            tokens=torch.zeros(len(prompts), dtype=torch.long, device=device),
            positions=lengths.to(device),
            places=(starts[:-1] + lengths).to(device),
            slot_starts=starts.int().to(device),
            counts=(lengths + 1).int().to(device),
            stopped=torch.zeros(len(prompts), dtype=torch.bool, device=device),
            out=torch.zeros((len(prompts), self._limit), dtype=torch.long, device=device),
            step=torch.zeros(1, dtype=torch.long, device=device),
            query_starts=torch.arange(len(prompts) + 1, dtype=torch.int32, device=device),
        )
        self._choose(torch.cat(lasts), state)
        return state

    def _read_some(self, prompts: Sequence[Sequence[int]], first_slot: int) -> torch.Tensor:
        # Attention that takes no boundaries (float32) would keep the captured prompt's length.
        by_boundaries = takes_boundaries(self._head.weight)
        if self._pool is not None and by_boundaries and len(prompts) == 1 and first_slot == 0:
            return self._read_one(prompts[0])
        lengths = tuple(map(len, prompts))
        return self._pass_over(self._lay_out(prompts, first_slot), max(lengths), lengths)

    def _read_one(self, prompt: Sequence[int]) -> torch.Tensor:
        """Read a single prompt, from its second like on as a graph."""
        width = _round_up(len(prompt))
        inputs = self._lay_out([prompt], 0, fill_to=width)
        lengths = (len(prompt), width - len(prompt))
        if width not in self._prompt_graphs:
            # A decoder used once would capture for nothing.
            self._prompt_graphs[width] = None
            return self._pass_over(inputs, width, lengths)
        kept = self._prompt_graphs[width]
        if kept is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool.id):
                result = self._pass_over(inputs, width, lengths)
            kept = self._prompt_graphs[width] = (graph, inputs, result)
        graph, held, result = kept
        if held is not inputs:
            for mine, theirs in zip(held.fields(), inputs.fields(), strict=True):
                mine.copy_(theirs)
        graph.replay()
        return result.clone()

    def _lay_out(
        self, prompts: Sequence[Sequence[int]], first_slot: int, fill_to: int = 0
    ) -> Prompts:
        """Make tensors of prompts; filling is a row of its own behind the last.

        Its keys and values lie where the answer's will be, which overwrites them before it
        reads them.
        """
        sizes = torch.tensor([len(prompt) for prompt in prompts])
        ends = sizes.cumsum(0)
        filling = max(0, fill_to - int(ends[-1]))
        positions = torch.arange(int(ends[-1])) - (ends - sizes).repeat_interleave(sizes)
        slots = torch.arange(first_slot, first_slot + len(prompts)).repeat_interleave(sizes)
        ids = torch.tensor([token for prompt in prompts for token in prompt])
        places = slots * self.cache.slot_tokens + positions
        boundaries = torch.cat([torch.zeros(1, dtype=torch.long), ends])
        if fill_to:
            more = torch.arange(filling)
            ids = torch.cat([ids, torch.zeros_like(more)])
            positions = torch.cat([positions, more])
            places = torch.cat([places, places[-1] + 1 + more])
            boundaries = torch.cat([boundaries, ends[-1:] + filling])
        tensors = (ids, positions, places, boundaries.int(), ends - 1)
        return Prompts(*(tensor.to(self.device) for tensor in tensors))

    def _pass_over(self, prompts: Prompts, longest: int, lengths: tuple[int, ...]) -> torch.Tensor:
        """Fill the slots; return the hidden state of each prompt's last token."""
        rows = PromptRows(
            self.cache, WholeRows(prompts.boundaries, longest, lengths), prompts.places
        )
        hidden = read_packed(self._causal, prompts.ids, prompts.positions, rows)
        return hidden.index_select(0, prompts.lasts)

    @staticmethod
    def _collect(state: State, order: list[int], finished: list[list[int] | None]) -> None:
        steps = int(state.step)
        for index, row in zip(order, state.out[:, :steps].tolist(), strict=True):
            finished[index] = row

    def _cut(self, ids: list[int]) -> Decoded:
        stops = set(self._stops.tolist())
        for place, token in enumerate(ids):
            if token in stops:
                return Decoded(ids[: place + 1], "stop")
        return Decoded(ids, "length")


def make_decoder(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    batch_size: int,
    stop_ids: Sequence[int],
    graphs: bool = True,
    one_row_kernels: bool = False,
) -> PackedDecoder:
    """Return a decoder with room for these prompts.

    Args:
        model: Causal language model or `peft.PeftModel`, in evaluation mode.
        prompts: Token ids of each prompt.
        max_new_tokens: Most tokens to generate per prompt.
        batch_size: Prompts decoded together, fewer if the cache would not fit.
        stop_ids: Ids that end a row.
        graphs: Capture and replay steps (GPU).
        one_row_kernels: Decode a prompt that comes alone with `one_row`'s kernels, if they
            know the model (GPU).
    """
    causal = model.get_base_model() if hasattr(model, "peft_config") else model
    slot_tokens = _round_up(max(map(len, prompts)) + max_new_tokens)
    on_gpu = next(causal.parameters()).is_cuda
    if one_row_kernels and on_gpu and (reason := why_not(causal)) is not None:
        logger.info("single rows are decoded with the kernels of many: %s", reason)
        one_row_kernels = False
    return PackedDecoder(
        causal,
        slots=min(batch_size, len(prompts), _slots_that_fit(causal, slot_tokens)),
        slot_tokens=slot_tokens,
        max_new_tokens=max_new_tokens,
        stop_ids=stop_ids,
        graphs=graphs and on_gpu,
        one_row_kernels=one_row_kernels and on_gpu,
    )


def decode_all_packed(
    decoder: PackedDecoder,
    prompts: Sequence[Sequence[int]],
    on_batch: Callable[[int], None] | None = None,
) -> list[Decoded]:
    """Decode every prompt, as `greedy.decode_all` does; results are in the order of `prompts`.

    Args:
        decoder: One that takes them.
        prompts: Token ids of each prompt.
        on_batch: Called with the number of rows of each finished batch.
    """
    slots = decoder.cache.slots
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    decoded: list[Decoded | None] = [None] * len(prompts)
    for first in range(0, len(order), slots):
        indices = order[first : first + slots]
        for index, row in zip(indices, decoder.decode([prompts[i] for i in indices]), strict=True):
            decoded[index] = row
        if on_batch is not None:
            on_batch(len(indices))
    return [row for row in decoded if row is not None]


def _round_up(tokens: int) -> int:
    return -(-tokens // _SLOT_STEP) * _SLOT_STEP


def _slots_that_fit(causal: Any, slot_tokens: int) -> int:
    weight = causal.get_output_embeddings().weight
    if not weight.is_cuda:
        return 1 << 30
    free, _ = torch.cuda.mem_get_info()
    slot_bytes = slot_tokens * KVSlots.bytes_per_token(causal.config, weight.element_size())
    return max(1, int(_CACHE_SHARE * free / slot_bytes))
