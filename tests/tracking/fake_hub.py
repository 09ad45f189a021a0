"""A model hub of one process: takes commits as huggingface_hub sends them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class FakeHub:
    """What was asked, and the files of every repository."""

    def __init__(self, endpoint: str, token: str) -> None:
        self.endpoint = endpoint
        self.token = token
        self.created: list[dict[str, Any]] = []
        self.messages: list[str] = []
        self.files: dict[str, dict[str, bytes]] = {}


@contextmanager
def running_hub(token: str = "hf_test") -> Iterator[FakeHub]:
    """Serve on a free port of this host; a request without `token` is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            if self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._answer(401, {"error": "Invalid credentials"})
            if path == "/api/repos/create":
                request = json.loads(body)
                hub.created.append(request)
                name = f"{request['organization']}/{request['name']}"
                hub.files.setdefault(name, {})
                return self._answer(200, {"url": f"{hub.endpoint}/{name}"})
            if path == "/api/validate-yaml":
                return self._answer(200, {"warnings": [], "errors": []})
            _, _, _, owner, name, action, *_ = path.split("/")
            repo = f"{owner}/{name}"
            if action == "preupload":
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self._answer(200, {"files": files})
            assert action == "commit", path
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "header":
                    hub.messages.append(entry["value"]["summary"])
                elif entry["key"] == "file":
                    value = entry["value"]
                    hub.files[repo][value["path"]] = base64.b64decode(value["content"])
            url = f"{hub.endpoint}/{repo}/commit/{'c' * 40}"
            return self._answer(200, {"success": True, "commitOid": "c" * 40, "commitUrl": url})

        def do_GET(self) -> None:
            self._answer(404, {"error": "not here"})

        do_HEAD = do_GET  # noqa: N815

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = FakeHub(f"http://127.0.0.1:{server.server_address[1]}", token)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
