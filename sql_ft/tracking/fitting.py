"""Names and values, made to fit what MLflow accepts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

MAX_PARAM_CHARS = 500
MAX_TAG_CHARS = 5000


def flatten_params(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Turn nested settings into dotted names and text, as `TrackedRun.log_params` takes them."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten_params(value, f"{name}."))
        elif isinstance(value, (list, tuple)):
            flat[name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            flat[name] = str(value)
    return flat


def clean_name(name: str) -> str:
    """Replace what MLflow refuses in the name of a metric, parameter or tag."""
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def clip_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Clean names; keep 5,000 characters of each value."""
    return {clean_name(key): str(value)[:MAX_TAG_CHARS] for key, value in tags.items()}


def short_value(value: str) -> str:
    """Return the value, or its hash where it has more than 500 characters."""
    if len(value) <= MAX_PARAM_CHARS:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest} ({len(value)} characters)"
