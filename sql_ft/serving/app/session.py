"""One person on the page: a private folder, one open database, a history. Nothing is shared."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sql_ft.errors import DataError
from sql_ft.serving.app.limits import PageLimits, UploadLimits
from sql_ft.serving.app.uploads import accept_upload, shown_name
from sql_ft.serving.live_database import LiveDatabase, open_database
from sql_ft.serving.query import LiveSchema, QueryResult


@dataclasses.dataclass(frozen=True, slots=True)
class SampleDatabase:
    """A database that comes with the page.

    Attributes:
        name: One word, for the API and the command line.
        path: The file; opened read-only by every session for itself.
        questions: Questions to begin with.
    """

    name: str
    path: Path
    questions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What was asked or run, and what came out.

    Attributes:
        question: As asked; "" for a query that a person wrote.
        sql: The query.
        result: Its result.
        database: Title of the database.
        model: Who wrote the query; ``you`` for a person.
    """

    question: str
    sql: str
    result: QueryResult
    database: str
    model: str


class Session:
    """State of one person; closed when the page is left.

    Args:
        folder: Private; removed by `close`.
        limits: What is kept.
        upload_limits: What an upload may cost.
    """

    def __init__(self, folder: Path, limits: PageLimits, upload_limits: UploadLimits) -> None:
        self.folder = folder
        self.limits = limits
        self.history: list[HistoryEntry] = []
        self.title = ""
        self.last_used = time.monotonic()
        self._upload_limits = upload_limits
        self._database: LiveDatabase | None = None
        self._private: Path | None = None
        self._busy = threading.Lock()
        self._closed = False

    @property
    def database(self) -> LiveDatabase:
        """The open database.

        Raises:
            DataError: None is chosen yet.
        """
        if self._database is None:
            raise DataError("no database is chosen", expected="a sample or an uploaded file")
        return self._database

    @property
    def last_result(self) -> HistoryEntry | None:
        """The newest entry of the history."""
        return self.history[-1] if self.history else None

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the session; a second request of the same person is told to wait.

        Raises:
            DataError: Another request of this session is under way, or it has ended.
        """
        if not self._busy.acquire(blocking=False):
            raise DataError("your last request is still running", expected="a moment of patience")
        try:
            if self._closed:
                raise DataError("this session has ended", expected="the page to be loaded again")
            self.last_used = time.monotonic()
            yield
        finally:
            self.last_used = time.monotonic()
            self._busy.release()

    @property
    def busy(self) -> bool:
        """True while a request holds it."""
        return self._busy.locked()

    def open_sample(self, sample: SampleDatabase) -> LiveSchema:
        """Choose a sample database.

        Raises:
            DataError: It cannot be read.
        """
        return self._open(sample.path, sample.name, private=None)

    def open_upload(self, upload: Path) -> LiveSchema:
        """Choose an uploaded file; the one chosen before stays if this one is refused.

        Raises:
            DataError: It is no database, too large or damaged.
        """
        path = accept_upload(upload, self.folder, self._upload_limits)
        try:
            return self._open(path, path.stem, private=path.parent)
        except BaseException as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            if not isinstance(error, DataError):
                raise
            # It was opened under a name of ours.
            message = error.message.replace(path.name, shown_name(upload))
            raise DataError(message, setting=error.setting, expected=error.expected) from error

    def _open(self, path: Path, title: str, private: Path | None) -> LiveSchema:
        database = open_database(path)
        try:
            schema = database.schema()
        except BaseException:
            database.close()
            raise
        self._forget_database()
        self._database, self._private, self.title = database, private, title
        return schema

    def remember(self, entry: HistoryEntry) -> None:
        """Add to the history; the oldest entries go first."""
        self.history.append(entry)
        del self.history[: -self.limits.history]

    def close(self) -> None:
        """End the database's child and remove the folder. A second time does nothing."""
        self._closed = True
        self._forget_database()
        self.history.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget_database(self) -> None:
        database, self._database = self._database, None
        private, self._private = self._private, None
        if database is not None:
            database.close()
        if private is not None:
            shutil.rmtree(private, ignore_errors=True)


class Sessions:
    """All people on the page, by a key that only their browser knows.

    Args:
        root: Private folder of the server; holds one folder a session.
        limits: How many, and for how long.
        upload_limits: What an upload may cost.
        clock: Seconds; a test brings its own.
    """

    def __init__(
        self,
        root: Path,
        limits: PageLimits,
        upload_limits: UploadLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._limits = limits
        self._upload_limits = upload_limits
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, key: str) -> Session:
        """The session of a key, made if need be.

        Raises:
            DataError: Too many people are here.
        """
        self._close_idle()
        with self._lock:
            session = self._sessions.get(key)
            if session is not None:
                return session
            if len(self._sessions) >= self._limits.sessions:
                raise DataError(
                    f"{len(self._sessions)} people use this page now, as many as it takes",
                    expected="another try in a few minutes",
                )
            folder = Path(tempfile.mkdtemp(prefix="session-", dir=self._root))
            session = Session(folder, self._limits, self._upload_limits)
            self._sessions[key] = session
            return session

    def close(self, key: str) -> None:
        """End one session; an unknown key is no error."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            session.close()

    def close_all(self) -> None:
        """End every session."""
        for key in list(self._sessions):
            self.close(key)

    def _close_idle(self) -> None:
        now = self._clock()
        idle = [
            key
            for key, session in list(self._sessions.items())
            if not session.busy and now - session.last_used > self._limits.session_idle_s
        ]
        for key in idle:
            self.close(key)
