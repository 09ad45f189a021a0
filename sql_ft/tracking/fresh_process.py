"""Load a model where nothing of this process can help it, and hear its answers."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sql_ft.errors import ModelError
from sql_ft.tracking.store import Store

_TAIL_LINES = 12


@dataclasses.dataclass(frozen=True, slots=True)
class FreshAnswers:
    """What a fresh process found.

    Attributes:
        adapter_hash: Of the weights it loaded.
        base_revision: Of the base model it loaded.
        answers: One SQL statement a row.
        completions: The text each was taken from, if asked for.
        code_root: Folder from which `sql_ft` was imported there.
    """

    adapter_hash: str
    base_revision: str
    answers: tuple[str, ...]
    completions: tuple[str, ...]
    code_root: str


def answer_in_fresh_process(
    store: Store,
    uri: str,
    rows: Sequence[Mapping[str, str]] = (),
    *,
    completions: bool = False,
    env: Mapping[str, str] | None = None,
    python: str | Path = sys.executable,
    timeout_s: float = 1800.0,
) -> FreshAnswers:
    """Load a model in a new interpreter and ask it.

    Args:
        store: From `prepare_store`.
        uri: ``models:/<name>@<alias>``, ``models:/<name>/<version>`` or a folder.
        rows: Each with ``context`` and ``question``; none only loads the model.
        completions: Also return the whole texts (which are generated a second time).
        env: Further environment variables, e.g. ``SQL_FT_BASE_MODEL``.
        python: Interpreter, e.g. of an environment without this project.
        timeout_s: Wall time allowed.

    Raises:
        ModelError: It could not be loaded, failed to answer, or took too long.
    """
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": store.tracking_uri,
        "MLFLOW_REGISTRY_URI": store.tracking_uri,
        # A local store hands out its own files; caches beside them would be stored too.
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    script = Path(__file__).with_name("probe.py")
    with tempfile.TemporaryDirectory(prefix="sql-ft-probe-") as folder:
        request, reply = Path(folder, "request.json"), Path(folder, "reply.json")
        request.write_text(
            json.dumps(
                {"uri": uri, "rows": [dict(row) for row in rows], "completions": completions}
            ),
            encoding="utf-8",
        )
        try:
            done = subprocess.run(
                # -P: the script's folder must not shadow packages.
                [str(python), "-P", str(script), str(request), str(reply)],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ModelError(f"{uri} did not load and answer within {timeout_s:.0f} s") from None
        if done.returncode != 0 or not reply.is_file():
            tail = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
            raise ModelError(
                f"{uri} does not load in a fresh process (exit code {done.returncode}):\n{tail}"
            )
        values = json.loads(reply.read_text(encoding="utf-8"))
    return FreshAnswers(
        adapter_hash=values["adapter_hash"],
        base_revision=values["base_revision"],
        answers=tuple(values["answers"]),
        completions=tuple(values["completions"]),
        code_root=values["code_root"],
    )
