"""Serves the page on one address until it is told to stop, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from starlette.responses import JSONResponse

from sql_ft.errors import StackError
from sql_ft.serving.app.handlers import Handlers

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_STOP_S = 5.0
_FORM_BYTES = 100_000
_STRAY_S = 60.0
# No other host is asked for anything, whatever a library or a result would like.
_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        b"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of this process alone, for sessions and uploads; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sql-ft-app-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def serve(
    handlers: Handlers,
    folder: Path,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then end every session.

    Args:
        handlers: What the page does.
        folder: From `private_folder`; uploads arrive in it.
        host: Interface.
        port: 0: any free one.
        on_ready: Called with the address once it answers.

    Raises:
        StackError: The port is taken, or the server does not start.
    """
    listener = _listen(host, port)
    stop = threading.Event()
    with contextlib.closing(listener), _stopped_by_signals(stop):
        try:
            server = _make_server(handlers, folder, host)
            thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
            thread.start()
            while not server.started:
                if not thread.is_alive():
                    raise StackError("the page's server did not start", expected="see the log")
                stop.wait(0.05)
            on_ready(_address(host, listener.getsockname()[1]))
            while thread.is_alive() and not stop.wait(0.5):
                pass
            # Pages that are still open are cut off: no error of anybody's.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            server.should_exit = True
            thread.join(_STOP_S)
            server.force_exit = True
            thread.join(_STOP_S)
        finally:
            handlers.sessions.close_all()


def make_app(handlers: Handlers, folder: Path, host: str) -> Any:
    """The ASGI application: Gradio's, behind a check of the host and strict headers."""
    # Read by Gradio when it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from sql_ft.serving.app.page import CSS, THEME, build_page

    (folder / "uploads").mkdir(mode=0o700, exist_ok=True)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in _LOOPBACK:
        # A page elsewhere whose name is made to point here is not answered.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK, "[::1]"])
    app.add_middleware(
        _Guard, uploads=folder / "uploads", max_bytes=handlers.upload_limits.max_mb * 1_000_000
    )
    return gr.mount_gradio_app(
        app,
        build_page(handlers),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=handlers.upload_limits.max_mb * 1_000_000,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=THEME,
        css_paths=[CSS],
    )


class _Guard:
    """Strict headers on every answer; no room for uploads that are too large.

    Args:
        app: The application behind it; streams pass through as they come.
        uploads: Where Gradio writes while it reads.
        max_bytes: Largest file; a request may be a little larger than what it carries.
    """

    def __init__(self, app: Any, uploads: Path, max_bytes: int) -> None:
        self._app = app
        self._uploads = uploads
        self._max_bytes = max_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS.items()]
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if length.isdigit() and int(length) > self._max_bytes + _FORM_BYTES:
            text = f"the file is larger than {self._max_bytes // 1_000_000} MB"
            await JSONResponse({"detail": text}, 413)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
        if scope["path"].endswith("/upload"):
            self._remove_strays()

    def _remove_strays(self) -> None:
        """Remove what Gradio leaves of uploads that it broke off."""
        before = time.time() - _STRAY_S
        for path in self._uploads.glob("tmp*"):
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_mtime < before:
                    path.unlink()


def _make_server(handlers: Handlers, folder: Path, host: str) -> Any:
    import uvicorn

    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = uvicorn.Config(
        make_app(handlers, folder, host),
        log_level="warning",
        timeout_graceful_shutdown=2,
        ws="none",
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StackError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            setting="--host, --port",
            expected="an interface of this machine and a free port, or --port 0",
        ) from error
    return listener


def _address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the page; a second one while it ends changes nothing."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
