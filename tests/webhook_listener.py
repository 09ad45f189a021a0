"""An HTTP server that remembers what was posted to it."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class WebhookListener:
    """Listens on a free port of loopback; a context manager."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, text: str, timeout_s: float = 30) -> str:
        """Return the first message with this text; the last ones in an error if none comes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for _, message in list(self.messages):
                if text in message["text"]:
                    return str(message["text"])
            time.sleep(0.2)
        raise AssertionError(f"no message {text!r} among {self.messages}")
