"""A PostgreSQL cluster for one test: initdb, a port of its own, a password, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60.0


def find_binary(name: str) -> str | None:
    """The program, from the path or from where Debian puts it."""
    debian = sorted(_DEBIAN.glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(debian[0]) if debian else None)


def missing() -> str:
    """Why no cluster can be started here; "" if one can."""
    for name in ("initdb", "postgres", "psql"):
        if find_binary(name) is None:
            return f"PostgreSQL is not installed: no {name} (Debian: postgresql)"
    for module in ("asyncpg", "psycopg"):
        if find_spec(module) is None:
            return f"no {module}: pip install -c constraints.txt -e '.[postgres]'"
    if os.geteuid() == 0 and _account() is None:
        return "PostgreSQL refuses root, and there is no user postgres or nobody"
    return ""


def _account() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class PrivatePostgres:
    """A context manager; `url` names a database of it."""

    def __init__(self) -> None:
        self.password = secrets.token_hex(12)
        self.folder = Path(tempfile.mkdtemp(prefix="sql-ft-postgres-"))
        self._account = _account() if os.geteuid() == 0 else None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._server: subprocess.Popen[bytes] | None = None

    def _as_user(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password, encoding="utf-8")
        if self._account is not None:
            for path in (self.folder, password_file):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        data = self.folder / "data"
        subprocess.run(
            [
                *(find_binary("initdb") or "", "-D", str(data), "-U", "sql_ft", "-E", "UTF8"),
                *("--auth", "scram-sha-256", "--pwfile", str(password_file), "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as_user(),
        )
        password_file.unlink()
        with (self.folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    *(find_binary("postgres") or "", "-D", str(data), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-k", str(self.folder)),
                    *("-c", "fsync=off", "-c", "max_connections=200"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                **self._as_user(),
            )
        deadline = time.monotonic() + _START_S
        while not self._psql("SELECT 1", check=False):
            if time.monotonic() > deadline or self._server.poll() is not None:
                log_text = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log_text[-1000:]}")
            time.sleep(0.2)
        for name in ("prefect", "mlflow"):
            self._psql(f"CREATE DATABASE {name}")

    def _psql(self, sql: str, check: bool = True) -> bool:
        done = subprocess.run(
            [
                *(find_binary("psql") or "", "-h", "127.0.0.1", "-p", str(self.port)),
                *("-U", "sql_ft", "-d", "postgres", "-qc", sql),
            ],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            check=check,
        )
        return done.returncode == 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
            self._server.send_signal(2)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, driver: str, database: str) -> str:
        """SQLAlchemy URL, e.g. of ``postgresql+asyncpg`` and ``prefect``."""
        return f"{driver}://sql_ft:{self.password}@127.0.0.1:{self.port}/{database}"
