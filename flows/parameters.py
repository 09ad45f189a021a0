"""Parameters that flows share, as Prefect's form and API show and check them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Overrides = Annotated[
    tuple[Annotated[str, Field(pattern=r"^\w+(\.\w+)*=")], ...],
    Field(
        description="single settings over `config`, each section.key=value, as `sql-ft run --set`"
    ),
]
