"""Run as a script in a fresh interpreter: load a model by its URI and let it answer.

Usage: ``python -P probe.py REQUEST.json REPLY.json``. It imports mlflow alone, so that
`sql_ft` comes from the code that travels with the model, as it does on a server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(request_path: str, reply_path: str) -> None:
    """Answer the request: ``{"uri": …, "rows": [{"context": …, "question": …}],
    "completions": bool}``."""
    import mlflow.pyfunc
    import pandas as pd

    request: dict[str, Any] = json.loads(Path(request_path).read_text(encoding="utf-8"))
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
    Path(reply_path).write_text(json.dumps(reply, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
