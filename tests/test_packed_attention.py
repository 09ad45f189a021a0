"""Rows end to end give what each gives alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import small_config
from tiny_model import make_tiny_model

from sql_ft.base_model import load_base
from sql_ft.errors import ModelError
from sql_ft.packed_attention import (
    WholeRows,
    packed_attention_used,
    supports_packing,
    use_packed_attention,
)

LENGTHS = (5, 17, 1, 9)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = make_tiny_model(tmp_path_factory.mktemp("packed") / "tiny-random")
    config = small_config(Path(folder), model={"name_or_path": str(folder), "device": "cpu"})
    return load_base(config.model, purpose="generate")


def _packed(model: Any, rows: list[torch.Tensor], positions: torch.Tensor) -> torch.Tensor:
    ends = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    with torch.inference_mode(), packed_attention_used(model):
        return model(
            input_ids=torch.cat(rows)[None],
            position_ids=positions[None],
            use_cache=False,
            packed_rows=WholeRows(ends, max(LENGTHS), LENGTHS),
        ).logits[0]


def test_packed_logits_are_the_unpacked_ones(model: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randint(0, 300, (n,), generator=generator) for n in LENGTHS]
    with torch.inference_mode():
        alone = torch.cat([model(input_ids=row[None]).logits[0] for row in rows])
    restarting = torch.cat([torch.arange(n) for n in LENGTHS])
    torch.testing.assert_close(_packed(model, rows, restarting), alone, atol=2e-5, rtol=1e-5)
    # The check would notice wrong positions. (Rotary ones are relative: running on from row
    # to row would change nothing, a gap does.)
    assert (_packed(model, rows, 2 * restarting) - alone).abs().max() > 1e-3


def test_a_changed_row_changes_no_other(model: Any) -> None:
    generator = torch.Generator().manual_seed(4)
    rows = [torch.randint(0, 300, (n,), generator=generator) for n in LENGTHS]
    positions = torch.cat([torch.arange(n) for n in LENGTHS])
    before = _packed(model, rows, positions)
    rows[1] = (rows[1] + 7) % 300
    after = _packed(model, rows, positions)
    inside = torch.zeros(sum(LENGTHS), dtype=torch.bool)
    inside[5:22] = True
    assert torch.equal(before[~inside], after[~inside])
    assert (before[inside] - after[inside]).abs().max() > 1e-3


def test_without_boundaries_it_is_an_error(model: Any) -> None:
    with packed_attention_used(model), pytest.raises(ModelError, match="packed_rows"):
        model(input_ids=torch.ones(1, 4, dtype=torch.long), use_cache=False)
    assert model.config._attn_implementation == "sdpa"


def test_architectures_that_cannot_be_packed(model: Any) -> None:
    assert supports_packing(model.config, model)

    class Window:
        layer_types = ("full_attention", "sliding_attention")

    assert not supports_packing(Window(), model)
    assert not supports_packing(model.config, object())


def test_switching_for_good(model: Any) -> None:
    use_packed_attention(model)
    assert model.config._attn_implementation != "sdpa"
    model.config._attn_implementation = "sdpa"
