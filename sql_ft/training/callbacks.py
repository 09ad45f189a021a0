"""What happens at each step besides learning: reporting, limits, sealed checkpoints."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from sql_ft.errors import TrainingError
from sql_ft.records import Progress
from sql_ft.training.checkpoints import seal_checkpoint
from sql_ft.training.metrics_sink import MetricSink
from sql_ft.training.ranks import Ranks

_REPORTED = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/grad_norm",
    "mean_token_accuracy": "train/token_accuracy",
    "epoch": "train/epoch",
}


class ReportCallback(TrainerCallback):  # type: ignore[misc]
    """Sends the loss curve to a sink and the step count to a progress callable.

    Attributes:
        total_tokens: Tokens (padding apart) trained on in this process.
        final_loss: Loss over the last logging interval; NaN before the first.
        train_time_s: Seconds in the training loop.
    """

    def __init__(self, sink: MetricSink, progress: Progress | None) -> None:
        self._sink = sink
        self._progress = progress
        self._started = 0.0
        self._last = (0.0, 0)
        self.total_tokens = 0
        self.final_loss = math.nan
        self.train_time_s = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._last = (self._started, 0)
        if self._progress is not None:
            self._progress(int(state.global_step), int(state.max_steps))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report how far training is."""
        if self._progress is not None:
            self._progress(int(state.global_step), int(state.max_steps))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kw: Any
    ) -> None:
        """Pass the trainer's figures on; stop if the loss is no number any more.

        Raises:
            TrainingError: The loss is NaN or infinite.
        """
        logs = logs or {}
        # The trainer's last line carries the tokens of steps after the last interval.
        self.total_tokens = int(logs.get("num_tokens", self.total_tokens))
        if "loss" not in logs:
            return
        step = int(state.global_step)
        loss = float(logs["loss"])
        metrics = {
            name: float(logs[key])
            for key, name in _REPORTED.items()
            if key in logs and math.isfinite(float(logs[key]))
        }
        now = time.monotonic()
        tokens = self.total_tokens
        seconds = now - self._last[0]
        if seconds > 0:
            metrics["train/tokens_per_second"] = (tokens - self._last[1]) / seconds
        self._last = (now, tokens)
        self.final_loss = loss
        self._sink.log_metrics(metrics, step)
        if not math.isfinite(loss):
            raise TrainingError(
                f"training diverged: the loss is {loss} at step {step}",
                setting="train.learning_rate",
                expected="a smaller value",
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        self.train_time_s = time.monotonic() - self._started


class TimeLimitCallback(TrainerCallback):  # type: ignore[misc]
    """Ends training that takes too long; its checkpoints stay for a longer limit."""

    def __init__(self, timeout_s: float, started: float) -> None:
        self._timeout_s = timeout_s
        self._started = started

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at the clock.

        Raises:
            TrainingError: `train.timeout_s` has passed.
        """
        if time.monotonic() - self._started > self._timeout_s:
            raise TrainingError(
                f"training stopped after {self._timeout_s:g} s at step {state.global_step} "
                f"of {state.max_steps}",
                setting="train.timeout_s",
                expected="a longer limit; training continues from its last checkpoint",
            )


class SealCallback(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint complete once all of it is on disk."""

    def __init__(self, run_key: str, ranks: Ranks) -> None:
        self._run_key = run_key
        self._ranks = ranks

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal the checkpoint that was just written; every process has added its part."""
        self._ranks.wait()
        if not self._ranks.first:
            return
        seal_checkpoint(Path(args.output_dir) / f"checkpoint-{state.global_step}", self._run_key)
