"""Which decoder answers: one choice for evaluation and for serving.

What is served must be what was judged, so both ask here, from the base as it is loaded to
the ids that come back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sql_ft.base_model import compute_dtype, load_base, pick_device, stop_ids
from sql_ft.config import GenerationConfig, ModelConfig
from sql_ft.generation.apply_adapter import ADAPTER_NAME
from sql_ft.generation.greedy import Decoded, decode_all

if TYPE_CHECKING:
    from sql_ft.generation.packed_decode import PackedDecoder


class Engine:
    """A base model ready to answer, and how it decodes.

    Args:
        model: Which base, held how.
        generation: all but `few_shot_examples` is used.

    Attributes:
        base_model: The loaded base; adapters are put on it with `adapter_applied`.
        packed: Decoding is `packed_decode`'s: asked for, and possible here.

    Raises:
        ModelError: The base cannot be loaded.
    """

    def __init__(self, model: ModelConfig, generation: GenerationConfig) -> None:
        self._generation = generation
        self.base_model = load_base(model, purpose="generate")
        self.packed = generation.decoder == "packed" and _can_pack(model, self.base_model)
        if self.packed:
            from sql_ft.fused_layers import apply_liger, fuse_query_key_value
            from sql_ft.residual_stream import fuse_residual_sums

            apply_liger(self.base_model)
            fuse_query_key_value(self.base_model)
            fuse_residual_sums(self.base_model)
        self._decoder: PackedDecoder | None = None
        self._decoded_model: Any = None
        self._turn = threading.Lock()

    def decode(
        self,
        model: Any,
        tokenizer: Any,
        prompts: Sequence[Sequence[int]],
        *,
        with_adapter: bool,
        on_batch: Callable[[int], None] | None = None,
    ) -> list[Decoded]:
        """Decode every prompt greedily; results are in the order of `prompts`.

        Args:
            model: `base_model`, or what `adapter_applied` made of it.
            tokenizer: The base model's.
            prompts: Token ids of each prompt.
            with_adapter: `model` carries one.
            on_batch: Called with the number of rows of each finished batch.
        """
        stops = stop_ids(tokenizer)
        limits = self._generation
        if not self.packed:
            return decode_all(
                model,
                prompts,
                max_new_tokens=limits.max_new_tokens,
                batch_size=limits.batch_size,
                stop_ids=stops,
                pad_id=tokenizer.pad_token_id,
                on_batch=on_batch,
            )
        if not prompts:
            return []
        # Imported here: the CPU path needs none of it.
        from sql_ft.fused_layers import fuse_lora_layers
        from sql_ft.generation.packed_decode import decode_all_packed, make_decoder

        # Slots and graphs are one set: answers are decoded one call after another.
        with self._turn:
            if self._decoded_model is not model and with_adapter:
                fuse_lora_layers(model, adapter=ADAPTER_NAME)
            if not self._fits(model, prompts):
                # Its memory first.
                self._decoder = None
                self._decoder = make_decoder(
                    model,
                    prompts,
                    max_new_tokens=limits.max_new_tokens,
                    batch_size=limits.batch_size,
                    stop_ids=stops,
                    one_row_kernels=limits.one_row_kernels,
                )
                self._decoded_model = model
            assert self._decoder is not None
            return decode_all_packed(self._decoder, prompts, on_batch)

    def _fits(self, model: Any, prompts: Sequence[Sequence[int]]) -> bool:
        """Whether the decoder that is there, with its graphs, can answer these prompts as well."""
        decoder = self._decoder
        if decoder is None or self._decoded_model is not model or not decoder.takes(prompts):
            return False
        # More prompts than slots are decoded in turns; more slots may be to be had.
        return decoder.cache.slots >= min(len(prompts), self._generation.batch_size)


def _can_pack(model: ModelConfig, loaded: Any) -> bool:
    from sql_ft.packed_attention import supports_packing

    device = pick_device(model)
    sixteen_bits = compute_dtype(model, device).itemsize == 2
    return device == "cuda" and sixteen_bits and supports_packing(loaded.config, loaded)
