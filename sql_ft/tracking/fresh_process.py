"""Load a model where nothing of this process can help it, and hear its answers."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sql_ft.closing import Closing
from sql_ft.errors import ModelError
from sql_ft.folder_hash import known_hashes
from sql_ft.hardware import THREADING
from sql_ft.tracking.model_package import Base
from sql_ft.tracking.store import Store

_TAIL_LINES = 12
_TIMEOUT_S = 1800.0


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


class FreshProcess(Closing):
    """A new interpreter that loads versions from the registry and answers with them.

    Every answer begins with a new load; between answers no model is in memory. The
    library's code is that of the first version loaded, so one process is asked about one
    version only.

    Args:
        store: From `prepare_store`.
        env: Further environment variables, e.g. ``SQL_FT_BASE_MODEL``.
        python: Interpreter, e.g. of an environment without this project.
    """

    def __init__(
        self,
        store: Store,
        *,
        env: Mapping[str, str] | None = None,
        python: str | Path = sys.executable,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sql-ft-probe-")
        self._log = Path(self._folder.name, "stderr.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # -P: the script's folder must not shadow packages.
                [str(python), "-P", str(Path(__file__).with_name("probe.py"))],
                env={
                    **THREADING,
                    **os.environ,
                    "MLFLOW_TRACKING_URI": store.tracking_uri,
                    "MLFLOW_REGISTRY_URI": store.tracking_uri,
                    # A local store hands out its own files; caches beside them would be
                    # stored too.
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **(env or {}),
                },
                cwd=self._folder.name,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        self._replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def answer(
        self,
        uri: str,
        rows: Sequence[Mapping[str, str]] = (),
        *,
        completions: bool = False,
        timeout_s: float = _TIMEOUT_S,
    ) -> FreshAnswers:
        """Load a model and ask it; see `answer_in_fresh_process`."""
        request = {
            "uri": uri,
            "rows": [dict(row) for row in rows],
            "completions": completions,
            # A base that has been read here, and has not changed, is not read again.
            "environment": known_hashes(),
        }
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        try:
            line = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            self.close()
            raise ModelError(f"{uri} did not load and answer within {timeout_s:.0f} s") from None
        if not line:
            code = self._process.wait()
            text = self._log.read_text(encoding="utf-8", errors="replace")
            tail = "\n".join(text.strip().splitlines()[-_TAIL_LINES:])
            self.close()
            raise ModelError(f"{uri} does not load in a fresh process (exit code {code}):\n{tail}")
        values: dict[str, Any] = json.loads(line)
        return FreshAnswers(
            adapter_hash=values["adapter_hash"],
            base_revision=values["base_revision"],
            answers=tuple(values["answers"]),
            completions=tuple(values["completions"]),
            code_root=values["code_root"],
        )

    @property
    def alive(self) -> bool:
        """False once it has ended, for whatever reason."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process; nothing it does is worth waiting for."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._folder.cleanup()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._replies.put(line)
        # The end of its output is a reply too: there will be no other.
        self._replies.put("")


def answer_in_fresh_process(
    store: Store,
    uri: str,
    rows: Sequence[Mapping[str, str]] = (),
    *,
    completions: bool = False,
    env: Mapping[str, str] | None = None,
    python: str | Path = sys.executable,
    timeout_s: float = _TIMEOUT_S,
) -> FreshAnswers:
    """Load a model in a new interpreter, ask it, and end the interpreter.

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
    with FreshProcess(store, env=env, python=python) as fresh:
        return fresh.answer(uri, rows, completions=completions, timeout_s=timeout_s)


def verify_loads(store: Store, model_id: str, adapter_hash: str, base: Base, *, keep: bool) -> None:
    """Make sure that a stored model loads back as what it is, before it becomes a version.

    Args:
        store: From `prepare_store`.
        model_id: MLflow's logged model.
        adapter_hash: What it must hold.
        base: What it must run on.
        keep: Leave the process that loaded it to `kept_process`.

    Raises:
        ModelError: It does not load, or as something else.
    """
    with contextlib.ExitStack() as stack:
        if keep:
            process = kept_process(store, adapter_hash)
        else:
            process = stack.enter_context(FreshProcess(store))
        fresh = process.answer(f"models:/{model_id}")
    if fresh.adapter_hash != adapter_hash:
        raise ModelError(
            f"the stored model loads back as adapter {fresh.adapter_hash[:16]}",
            expected=adapter_hash[:16],
        )
    # The revision may be the base's content hash where a local copy is served.
    if fresh.base_revision not in (base.revision, base.content_hash):
        raise ModelError(
            f"the stored model loads on base revision {fresh.base_revision[:16]}",
            setting="SQL_FT_BASE_MODEL",
            expected=base.revision[:16],
        )


_kept: dict[tuple[str, str], FreshProcess] = {}
_kept_lock = threading.Lock()
# In place of an adapter's hash, of a process that has not been asked yet.
_UNASKED = ""


def start_ahead(store: Store) -> None:
    """Start the process that `kept_process` will be asked for, whichever the version."""
    with _kept_lock:
        if not _kept:
            _kept[store.tracking_uri, _UNASKED] = FreshProcess(store)


def kept_process(store: Store, adapter_hash: str) -> FreshProcess:
    """The process that is kept for a version between registration and promotion.

    Starting an interpreter and importing torch takes most of a check's time; the process
    that loaded a version before it was registered loads it again after it was promoted.
    At most one is kept, and it ends with this process.
    """
    key = (store.tracking_uri, adapter_hash)
    with _kept_lock:
        unasked = _kept.pop((store.tracking_uri, _UNASKED), None)
        if unasked is not None:
            if key in _kept or not unasked.alive:
                unasked.close()
            else:
                _kept[key] = unasked
        for other in [k for k in _kept if k != key or not _kept[k].alive]:
            _kept.pop(other).close()
        if key not in _kept:
            _kept[key] = FreshProcess(store)
        return _kept[key]


def end_kept_process() -> None:
    """End the kept process, if there is one."""
    with _kept_lock:
        while _kept:
            _kept.popitem()[1].close()


atexit.register(end_kept_process)
