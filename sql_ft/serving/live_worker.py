"""Child of `live_database`: one file, one question at a time.

Started as an isolated interpreter with an empty environment; talks through its standard
input and output in the frames of `execution.wire`.
"""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Any

from sql_ft.execution import wire
from sql_ft.execution.worker import limit_cpu, limit_process
from sql_ft.serving.live_sqlite import SqliteFile
from sql_ft.serving.reply import FaultError, Reader, failure

# A SQLite file in WAL mode that is held open cannot change its journal mode.
_IDLE_CLOSE_S = 2.0
# What a first reader of a WAL file may have to make: its index.
_WAL_INDEX_BYTES = 64 * 1024 * 1024
_MAX_ANSWER_BYTES = wire.MAX_ANSWER_BYTES


def sniff(path: Path) -> str:
    """Which engine a file belongs to, by its first bytes.

    Raises:
        FaultError: Neither.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            head = stream.read(16)
    except OSError as error:
        raise FaultError(f"cannot read {path.name}: {error.strerror or error}") from error
    if head == b"SQLite format 3\0":
        return "sqlite"
    if head[8:12] == b"DUCK":
        return "duckdb"
    begins = f"begins with {head[:8]!r}" if head else "is empty"
    raise FaultError(f"{path.name} is neither a SQLite nor a DuckDB database: it {begins}")


class Session:
    """The file, and the pipe to the parent."""

    def __init__(self, options: dict[str, Any], out: int) -> None:
        self._out = out
        path, copy = Path(options["path"]), Path(options["folder"], "copy")
        copy_bytes = int(options["snapshot_max_mb"]) * 1024 * 1024
        memory = int(options["memory_limit_mb"])
        self.kind = sniff(path)
        if self.kind == "sqlite":
            self.file: Any = SqliteFile(
                path, copy, copy_bytes=copy_bytes, max_lock_s=float(options["max_lock_s"])
            )
            limit_process(memory, file_size_bytes=max(copy_bytes, _WAL_INDEX_BYTES))
        else:
            from sql_ft.serving.live_duckdb import DuckdbFile

            self.file = DuckdbFile(
                path,
                copy,
                copy_bytes=copy_bytes,
                memory_limit_mb=memory // 2,
                timeout_s=float(options["timeout_s"]),
            )
            limit_process(memory)

    def idle(self) -> None:
        """Nothing has been asked for a while."""
        if self.kind == "sqlite":
            self.file.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what the parent asks."""
        if self.kind == "duckdb" and self.file.is_stale:
            return {"stale": True}
        timeout_s = float(request["timeout_s"])
        limit_cpu(timeout_s + 10.0)
        if request["op"] == "stamp":
            return {"stamp": self.file.stamp()}
        if request["op"] == "describe":
            found = self.file.describe()
            for table in found["tables"]:
                table["values"] = {
                    column: [wire.encode_value(_shown(v)) for v in values]
                    for column, values in table.get("values", {}).items()
                }
            return {**found, "stamp": self.file.stamp()}
        reader = Reader(int(request["max_rows"]), int(request["max_bytes"]))
        answer: dict[str, Any] = self.file.run(request["sql"], timeout_s, reader)
        return answer

    def reply(self, request: dict[str, Any]) -> None:
        """Answer in one frame, whatever happens."""
        try:
            message = self.answer(request)
        except FaultError as error:
            message = {"fault": str(error)}
        except OSError as error:
            message = {"fault": f"cannot read the database: {error.strerror or error}"}
        except MemoryError:
            message = failure("memory", "out of memory")
        try:
            data = wire.pack(message, _MAX_ANSWER_BYTES)
        except wire.FrameTooLargeError as error:
            data = wire.pack(failure("too_many_rows", f"result of {error}"))
        except MemoryError:
            data = wire.pack(failure("memory", "out of memory"))
        send(self._out, data)


def _shown(value: Any) -> Any:
    """A sample value is shown to a model: long ones say nothing, blobs neither."""
    if isinstance(value, str):
        return value[:80]
    return None if isinstance(value, bytes) else value


def send(out: int, data: bytes) -> None:
    """Write one frame."""
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def main() -> None:
    """Serve requests until standard input ends."""
    source, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    frames = wire.FrameReader()
    session: Session | None = None
    while True:
        if session is not None and not select.select([source], [], [], _IDLE_CLOSE_S)[0]:
            session.idle()
        data = os.read(source, 1 << 20)
        if not data:
            return
        for message in frames.feed(data):
            if session is None:
                try:
                    session = Session(message, out)
                except FaultError as error:
                    send(out, wire.pack({"fault": str(error)}))
                    return
                os.dup2(null, 2)
                direct = getattr(session.file, "keeps_writers_out", False)
                send(out, wire.pack({"ready": session.kind, "direct": direct}))
            else:
                session.reply(message)
