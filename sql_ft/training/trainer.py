"""`train_adapter`: training in a child process, so that its death is a message, not ours.

On several GPUs the child launches one process a GPU and ends as they do. A crash in native
code, the kernel's out-of-memory killer or a hang ends the child alone; the parent says why, and
the next call continues from the last complete checkpoint. The parent never imports torch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import sql_ft
from sql_ft.config import RunConfig
from sql_ft.errors import SqlFtError, TrainingError, TrainingInterruptedError
from sql_ft.hardware import THREADING
from sql_ft.records import Progress
from sql_ft.training.events import rebuild_error
from sql_ft.training.metrics_sink import MetricSink
from sql_ft.training.result import TrainResult
from sql_ft.training.standby import stand_by, start_child

logger = logging.getLogger(__name__)

LOG_FILE = "training.log"
CONFIG_FILE = "training_config.json"

_GRACE_S = 10.0
# The child looks at the clock itself, between steps; the parent is for steps that hang.
_HANG_MARGIN_S = 120.0
_LOG_TAIL_CHARS = 600
_LAUNCHER_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")


def train_adapter(
    config: RunConfig,
    train_path: Path,
    out_dir: Path,
    sink: MetricSink,
    progress: Progress | None = None,
) -> TrainResult:
    """Train in a child process and relay what it reports.

    Args:
        config: The run; `data.max_length`, `model` and `train` are used.
        train_path: JSON lines of `Sample`.
        out_dir: Receives ``adapter/``, ``checkpoints/`` and ``training.log``. A complete
            checkpoint of the same settings and rows in it is continued.
        sink: Receives parameters, the loss curve and a summary.
        progress: Called with optimizer steps done and in all.

    Raises:
        TrainingError: Training failed; the message is the child's.
        TrainingInterruptedError: The child was killed (a signal, or out of memory); calling
            again continues from its last checkpoint.
        ModelError: The base model cannot be loaded.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    config_path = out_dir / CONFIG_FILE
    config_path.write_text(config.model_dump_json(indent=1), encoding="utf-8")
    log_path = out_dir / LOG_FILE
    process = start_child(
        [
            *("--config", str(config_path)),
            *("--train-path", str(train_path)),
            *("--out-dir", str(out_dir)),
        ],
        _child_environment(several=config.train.may_spread),
        log_path,
    )
    assert process.stdout is not None
    hung = threading.Event()
    with _ended(process), _killed_if_hung(process, config.train.timeout_s, hung):
        outcome = _relay(process.stdout, sink, progress)
        code = process.wait()
    if isinstance(outcome, TrainResult) and code == 0:
        return outcome
    if hung.is_set():
        raise TrainingError(
            f"training did not end within {config.train.timeout_s} s and was killed",
            setting="train.timeout_s",
        )
    if code < 0:
        raise _killed(-code, log_path)
    if code == 130:
        raise TrainingInterruptedError("training was interrupted")
    if isinstance(outcome, SqlFtError):
        raise outcome
    raise TrainingError(f"the training process ended with code {code}: {_log_tail(log_path)}")


def start_ahead(config: RunConfig) -> None:
    """Start the process that `train_adapter` will be asked for; it imports meanwhile."""
    stand_by(_child_environment(several=config.train.may_spread))


def _relay(
    stream: IO[str], sink: MetricSink, progress: Progress | None
) -> TrainResult | SqlFtError | None:
    """Pass events on until the stream ends; return the result or error among them."""
    outcome: TrainResult | SqlFtError | None = None
    for line in stream:
        try:
            event = json.loads(line)
        except ValueError:
            # A child killed while it writes leaves half a line, always the last one.
            logger.debug("incomplete event: %r", line)
            continue
        kind = event["event"]
        if kind == "progress":
            if progress is not None:
                progress(event["done"], event["total"])
        elif kind == "metrics":
            sink.log_metrics(event["metrics"], event["step"])
        elif kind == "params":
            sink.log_params(event["params"])
        elif kind == "log":
            logger.log(event["level"], "%s", event["message"])
        elif kind == "result":
            outcome = TrainResult.from_dict(event["result"])
        elif kind == "error" and outcome is None:
            # Of several processes the first to fail names the cause; the others lose contact.
            outcome = rebuild_error(event)
    return outcome


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave no child behind, whatever ends the block (an interrupt, a sink that fails)."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def _killed_if_hung(
    process: subprocess.Popen[str], timeout_s: float, hung: threading.Event
) -> Iterator[None]:
    def kill() -> None:
        hung.set()
        process.kill()

    timer = threading.Timer(timeout_s + _HANG_MARGIN_S, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _child_environment(*, several: bool) -> dict[str, str]:
    environment: dict[str, Any] = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    # Another launcher's (a batch system's) are not about this training.
    for name in _LAUNCHER_VARIABLES:
        environment.pop(name, None)
    package_root = str(Path(sql_ft.__file__).parent.parent)
    inherited = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, inherited)))
    environment["PYTHONUNBUFFERED"] = "1"
    for name, value in THREADING.items():
        environment.setdefault(name, value)
    if not several:
        # One process trains on one GPU: with several visible, TRL refuses to start.
        visible = environment.get("CUDA_VISIBLE_DEVICES")
        environment["CUDA_VISIBLE_DEVICES"] = "0" if visible is None else visible.split(",")[0]
    return environment


def _killed(number: int, log_path: Path) -> TrainingInterruptedError:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name == "SIGKILL":
        why = " (out of memory, or killed by hand)"
    else:
        tail = _log_tail(log_path)
        why = f": {tail}" if tail else ""
    return TrainingInterruptedError(
        f"the training process was ended by {name}{why}",
        expected="run again: it continues from its last checkpoint",
    )


def _log_tail(log_path: Path) -> str:
    try:
        text = log_path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"no log at {log_path}"
    return text[-_LOG_TAIL_CHARS:] or "no output"
