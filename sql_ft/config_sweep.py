"""The `sweep` section of the configuration; see `sql_ft.config`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from sql_ft.config_section import Section

T = TypeVar("T")

_RANK = Annotated[int, Field(ge=1, le=1024)]
_RATE = Annotated[float, Field(gt=0.0, le=1.0)]
_ROWS = Annotated[int, Field(ge=1)]
#: Which linear layers carry LoRA: of attention, or of attention and MLP.
TargetSet = Literal["attention", "attention_mlp"]


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value is repeated")
    return values


class SweepConfig(Section):
    """Which settings are compared, on what, and how many at once.

    Every combination of the four lists is one child; an empty list is the one value of the
    `train` or `data` section.
    """

    lora_r: Annotated[tuple[_RANK, ...], AfterValidator(_distinct)] = Field(
        (), max_length=32, description="ranks to compare; empty: train.lora_r"
    )
    target_modules: Annotated[tuple[TargetSet, ...], AfterValidator(_distinct)] = Field(
        (), description="layers to compare; empty: train.target_modules"
    )
    learning_rate: Annotated[tuple[_RATE, ...], AfterValidator(_distinct)] = Field(
        (), max_length=32, description="learning rates to compare; empty: train.learning_rate"
    )
    train_rows: Annotated[tuple[_ROWS, ...], AfterValidator(_distinct)] = Field(
        (),
        max_length=32,
        description="numbers of training rows to compare, each the first rows of the next; "
        "empty: data.train_rows",
    )
    lora_alpha_per_r: float | None = Field(
        None,
        gt=0.0,
        le=64.0,
        description="lora_alpha of a child as a multiple of its rank; default: train.lora_alpha "
        "for every rank",
    )
    max_children: int = Field(32, ge=1, le=1024, description="a larger grid is refused")
    validation_rows: int = Field(
        200, ge=1, description="questions that choose the best, drawn from the training side"
    )
    validation_group_share: float = Field(
        0.2,
        gt=0.0,
        lt=1.0,
        description="share of the training side's schema groups that no child trains on",
    )
    validation_value_share: float = Field(
        0.3, gt=0.0, lt=1.0, description="the same of the values of each of data.disjoint_columns"
    )
    validation_seed: int = Field(42, ge=0, le=2**32 - 1)
    hand_to_gate: bool = Field(
        True, description="register the best child and let the gate decide on it: one look"
    )
    max_parallel: int = Field(1, ge=1, le=256, description="children at once; one per GPU")
    runner: Literal["thread", "dask", "ray"] = Field(
        "thread", description="where children run: this process's host, or a Dask or Ray cluster"
    )
    runner_address: str | None = Field(
        None,
        description="of the Dask scheduler (tcp://HOST:8786) or Ray head (ray://HOST:10001); "
        "default: a local cluster of max_parallel workers for this sweep",
    )

    @model_validator(mode="after")
    def _address_goes_with_cluster(self) -> SweepConfig:
        if self.runner_address and self.runner == "thread":
            raise ValueError("sweep.runner_address needs sweep.runner: dask or ray")
        return self
