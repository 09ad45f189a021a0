"""What a run works on, as one hash: two runs with the same one end the same way."""

from __future__ import annotations

from sql_ft.config import RunConfig
from sql_ft.stage_cache import code_digest, stage_key

#: Everything that can change an adapter or a verdict on it.
_CODE = (
    "data",
    "training",
    "generation",
    "execution",
    "evaluation",
    "tracking",
    "base_model",
    "config",
)


def hash_inputs(config: RunConfig) -> str | None:
    """Hash data, settings, code and base revision; None for a hub that cannot be asked.

    Raises:
        SqlFtError: The data or the base is not there.
    """
    from sql_ft.base_model import resolve_model
    from sql_ft.data.fingerprint import source_fingerprint

    source = source_fingerprint(config.data, resolve_branch=True)
    if source is None:
        return None
    base = resolve_model(config.model)
    return stage_key(
        source=source,
        settings=config.hash,
        base=[base.label, base.revision],
        code=code_digest(*_CODE),
    )
