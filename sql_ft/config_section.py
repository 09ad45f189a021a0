"""What every section of the configuration has in common; see `sql_ft.config`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
# YAML 1.1 reads a bare "off" as false.
AutoOrOff = Annotated[
    Literal["auto", "off"], BeforeValidator(lambda value: "off" if value is False else value)
]


class Section(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
