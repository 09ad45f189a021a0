"""Chromium over its DevTools protocol: pages as a person sees them, and what they complain of.

Needs `chromium` on the path and the package `websockets`, which Prefect brings.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

QUIET_S = 1.0
"""A page is taken once nothing has been requested for so long."""


@dataclasses.dataclass
class Page:
    """What a page did while it was open.

    Attributes:
        errors: Console errors, exceptions and failed requests.
        requests: Every URL that was asked for.
    """

    errors: list[str] = dataclasses.field(default_factory=list)
    requests: list[str] = dataclasses.field(default_factory=list)


class Browser:
    """A headless Chromium with one tab; a context manager that ends it with its helpers."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                shutil.which("chromium") or "chromium",
                *("--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"),
                *("--remote-debugging-port=0", f"--user-data-dir={self._profile.name}"),
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        port_file = Path(self._profile.name, "DevToolsActivePort")
        wait_for(lambda: port_file.is_file() and "\n" in port_file.read_text(), "chromium", 60)
        port, path = port_file.read_text().split("\n")[:2]
        self._socket = connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
        self._next_id = 0
        self._session = ""
        self._page = Page()
        self._last_request = time.monotonic()
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        end_group(self._process)
        self._profile.cleanup()

    def open(self, url: str, *, width: int, dark: bool, expect: str) -> Page:
        """Open a page and wait until it shows `expect` and asks for nothing more."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        # From a blank page: a single-page application would keep its state.
        self._call("Page.navigate", url="about:blank")
        self._page = Page()
        self._call("Page.navigate", url=url)
        wait_for(lambda: expect in self.text(), f"{expect!r} on {url}", 60)
        wait_for(lambda: self._quiet(), f"{url} to fall quiet", 30)
        return self._page

    def text(self) -> str:
        """Text of the page, that of its frames of the same origin included."""
        script = """[document, ...[...document.querySelectorAll('iframe')].map(f => {
            try { return f.contentDocument } catch { return null } })]
            .map(d => d && d.body ? d.body.innerText : '').join('\\n')"""
        return str(self.evaluate(script) or "")

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression; a promise is waited for."""
        result = self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")

    def screenshot(self, *, top: int = 0, height: int | None = None) -> bytes:
        """PNG of the window's width; `height` beyond the window is rendered too."""
        width = self.evaluate("innerWidth")
        whole = self.evaluate("document.documentElement.scrollHeight")
        clip = {
            "x": 0,
            "y": top,
            "width": width,
            "height": min(height or whole, max(whole - top, 1)),
            "scale": 1,
        }
        self.wait(0.3)
        # Rendering beyond the window makes MLflow's pages load again, and nothing is shown.
        beyond = top + clip["height"] > self.evaluate("innerHeight")
        image = self._call("Page.captureScreenshot", clip=clip, captureBeyondViewport=beyond)
        return base64.b64decode(image["data"])

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into the `<input type=file>` that a selector names."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def wait_until(self, script: str, timeout_s: float = 30) -> None:
        """Wait until a JavaScript expression is true, while events come in.

        Raises:
            TimeoutError: It did not become true.
        """
        end = time.monotonic() + timeout_s
        while not self.evaluate(script):
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout_s:.0f} s for {script}")
            self.wait(0.1)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size; the page stays."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.wait(1.0)

    def _quiet(self) -> bool:
        self.wait(0.1)
        return time.monotonic() - self._last_request > QUIET_S

    def wait(self, seconds: float) -> None:
        """Let so much time pass, and events come in."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self._take(json.loads(self._socket.recv(timeout=left)))
            except TimeoutError:
                return

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._next_id += 1
        message = {"id": self._next_id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._next_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._take(answer)

    def _take(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self._last_request = time.monotonic()
            self._page.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details["text"]
            self._page.errors.append(text.splitlines()[0])
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self._page.errors.append(" ".join(str(a.get("value", "")) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self._page.errors.append(f"{entry['text']} {entry.get('url', '')}")


def wait_for(ready: Any, what: str, timeout_s: float) -> None:
    """Ask until it is so.

    Raises:
        TimeoutError: It did not become so.
    """
    end = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.2)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process started with `start_new_session`, and all its helpers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
