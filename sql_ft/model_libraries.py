"""Imports that take seconds, made cheaper and made early."""

from __future__ import annotations

import contextlib
import logging
from typing import Any


def import_bitsandbytes() -> None:
    """Import bitsandbytes; without a GPU, without PyTorch's compiler.

    It decorates four functions with `torch.compile` when it is imported. They stand in for
    native kernels that every CPU build has, so nothing is ever compiled; but the decoration
    alone imports the compiler: 2.4 s of CPU in each process that loads a base.
    """
    import torch

    quiet_bitsandbytes()
    if torch.cuda.is_available():
        import bitsandbytes

        return
    compiler = torch.compile
    torch.compile = _leave_as_it_is  # type: ignore[assignment]
    try:
        import bitsandbytes  # noqa: F401
    finally:
        torch.compile = compiler


def import_ahead() -> None:
    """Import what loading a base with an adapter imports, while there is time for it."""
    import_bitsandbytes()
    import peft  # noqa: F401
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401

    if torch.cuda.is_available():
        # Its kernels bring Triton's compiler along.
        with contextlib.suppress(ImportError):
            from liger_kernel.transformers import monkey_patch  # noqa: F401


def quiet_bitsandbytes() -> None:
    """Silence its notice, at import, that an optional CPU kernel package is not installed."""
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def _leave_as_it_is(function: Any = None, **_: Any) -> Any:
    return (lambda later: later) if function is None else function
