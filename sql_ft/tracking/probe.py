"""Run as a script in a fresh interpreter: load models by their URI and let them answer.

Usage: ``python -P probe.py``; one request a line on standard input, one reply a line on
standard output. It imports libraries alone, so that `sql_ft` comes from the code that travels
with the model, as it does on a server. It ends when its input does, so never outlives the
process that started it by more than one answer.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

_LIBRARIES = ("mlflow.pyfunc", "pandas", "torch", "transformers.models.auto.modeling_auto")
# Without a GPU bitsandbytes is imported in a cheaper way, which belongs to the version.
_GPU_LIBRARIES = ("bitsandbytes", "peft", "liger_kernel.transformers.monkey_patch")


def main() -> None:
    """Answer requests until there are no more."""
    # What libraries print must not be taken for a reply.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import_ahead()
    for line in sys.stdin:
        reply = answer(json.loads(line))
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def import_ahead() -> None:
    """Import what the first answer will need, while the version is still being written.

    Libraries only: `sql_ft` comes with the version.
    """
    _import(_LIBRARIES)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        _import(_GPU_LIBRARIES)


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        # What is missing here is for the version to report, if it needs it.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Load and ask: ``{"uri": …, "rows": [{"context": …, "question": …}],
    "completions": bool, "environment": {…}}``. Nothing of the model is kept afterwards."""
    import mlflow.pyfunc
    import pandas as pd

    os.environ.update(request.get("environment", {}))
    model = mlflow.pyfunc.load_model(request["uri"])
    answers: list[str] = []
    if request["rows"]:
        answers = list(
            model.predict(pd.DataFrame(request["rows"], columns=["context", "question"]))
        )
    served = model.unwrap_python_model()
    completions = served.completions(request["rows"]) if request["completions"] else []
    import sql_ft

    reply = {
        "adapter_hash": served.adapter_hash,
        "base_revision": served.base_revision,
        "answers": answers,
        "completions": completions,
        "code_root": str(Path(str(sql_ft.__file__)).parent.parent),
    }
    del model, served
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    return reply


if __name__ == "__main__":
    main()
