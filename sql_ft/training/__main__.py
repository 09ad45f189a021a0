"""The training process: ``python -m sql_ft.training --config … --train-path … --out-dir …``.

Events go to standard output, one JSON object a line; everything that libraries print goes
to standard error. Exit codes are those of `sql_ft.errors`, 130 after an interrupt.

Where several GPUs train together this process becomes their launcher; of the processes it
starts the first reports, and each says what ends it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from pathlib import Path

from sql_ft.config import RunConfig
from sql_ft.errors import SqlFtError
from sql_ft.lifeline import die_with_parent
from sql_ft.model_libraries import quiet_bitsandbytes
from sql_ft.training.events import EventLogHandler, EventWriter
from sql_ft.training.metrics_sink import NullSink


def main(arguments: list[str] | None = None) -> int:
    """Train and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sql_ft.training", description=__doc__)
    parser.add_argument("--config", type=Path, help="RunConfig as JSON")
    parser.add_argument("--train-path", type=Path, help="JSON lines of Sample")
    parser.add_argument("--out-dir", type=Path)
    parser.add_argument("--stand-by", action="store_true", help="wait for the others on stdin")
    parser.add_argument("--parent-pid", type=int, default=0, help="end when this process ends")
    parser.add_argument("--launched", action="store_true", help="one of several processes")
    options = parser.parse_args(arguments)
    if options.parent_pid:
        die_with_parent(options.parent_pid)
    if options.stand_by:
        from sql_ft.training.standby import wait_for_order

        order = wait_for_order()
        return 0 if order is None else main(order)
    if not (options.config and options.train_path and options.out_dir):
        parser.error("--config, --train-path and --out-dir are needed")

    # Libraries print to standard output; only events may reach the parent's pipe.
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    writer = EventWriter(events)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    quiet_bitsandbytes()
    try:
        config = RunConfig.model_validate_json(options.config.read_text(encoding="utf-8"))
        if not options.launched:
            from sql_ft.training.launch import count_processes, launch

            processes = count_processes(config)
            # FSDP wants a process group, of one process too.
            if processes > 1 or config.train.sharding == "fsdp":
                # The processes write events themselves, to the same pipe.
                os.dup2(events.fileno(), 1)
                return launch(processes, _paths(options), options.out_dir)
        return _train(config, options, writer)
    except KeyboardInterrupt as error:
        writer.error(error)
        return 130
    except SqlFtError as error:
        writer.error(error)
        return error.exit_code
    except Exception as error:
        traceback.print_exc()
        writer.error(error)
        return 1


def _train(config: RunConfig, options: argparse.Namespace, writer: EventWriter) -> int:
    from sql_ft.training.core import run_training
    from sql_ft.training.ranks import Ranks

    first = Ranks.current().first
    library = logging.getLogger("sql_ft")
    if first:
        library.setLevel(logging.INFO)
        library.addHandler(EventLogHandler(writer))
    result = run_training(
        config,
        options.train_path,
        options.out_dir,
        writer if first else NullSink(),
        writer.progress if first else None,
    )
    if first:
        writer.send("result", result=result.to_dict())
    Ranks.part()
    return 0


def _paths(options: argparse.Namespace) -> list[str]:
    names = ("config", "train_path", "out_dir")
    return [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in names]


if __name__ == "__main__":
    sys.exit(main())
