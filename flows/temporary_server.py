"""Prefect's temporary server, which ends when the run that started it has ended.

    python -m flows.temporary_server PARENT_PID UVICORN_ARGUMENT...

Prefect stops its temporary server at exit. A run ended by SIGKILL has no exit: the server
stayed for good, with the run's output pipe open, so that whoever read it waited for good.
"""

from __future__ import annotations

import sys

import uvicorn

from sql_ft.lifeline import watch_parent


def main() -> None:
    """Serve until the parent ends."""
    watch_parent(int(sys.argv[1]))
    uvicorn.main(args=sys.argv[2:])


if __name__ == "__main__":
    main()
