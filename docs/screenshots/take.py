"""Take every screenshot of docs/pages.md from a state folder, and list what pages complain of.

    PREFECT_HOME=home sql-ft run --config deployments/configs/tiny.yaml --set state_dir=state
    python docs/screenshots/take.py --state state --prefect-home home

Needs Chromium (Debian: chromium). MLflow's and Prefect's servers are started and ended here;
Prefect's pages call port 4200, which must be free. The command fails if a report of ours logs
an error or asks for anything but itself; what MLflow's and Prefect's own pages log is listed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browser import Browser, Page, end_group, wait_for
from PIL import Image

from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.runs import REPORT_FILE
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import CHAMPION, RegisteredVersion, list_versions

MAX_BYTES = 300_000
PREFECT_PORT = 4200
BIN = Path(sys.executable).parent


def main() -> None:
    """Take what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, required=True, help="state_dir of the runs")
    parser.add_argument("--model", default="sql-ft-tiny", help="registered model")
    parser.add_argument("--prefect-home", type=Path, help="PREFECT_HOME of the runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", default="", help="take the pages whose name starts so")
    arguments = parser.parse_args()
    state = arguments.state.resolve()
    uri = f"sqlite:///{state / 'mlflow.db'}"
    store = prepare_store(uri, state)
    versions = list_versions(store, arguments.model)
    if not versions:
        sys.exit(f"no versions of {arguments.model} in {uri}")
    complaints: list[str] = []
    with Browser() as browser:
        camera = Camera(browser, arguments.out, arguments.only)
        if camera.wants("report"):
            complaints = take_reports(camera, state, versions)
        if camera.wants("mlflow"):
            with mlflow_ui(uri) as address:
                take_mlflow(camera, address, store, versions)
        if camera.wants("prefect") and arguments.prefect_home:
            with prefect_server(arguments.prefect_home) as address:
                take_prefect(camera, address, store, versions)
    if complaints:
        sys.exit("reports must be silent and self-contained:\n" + "\n".join(complaints))


class Camera:
    """Takes pages into files and prints one line each."""

    def __init__(self, browser: Browser, out: Path, only: str) -> None:
        self.browser, self.out, self.only = browser, out, only

    def wants(self, name: str) -> bool:
        """True if some picture whose name starts so is to be taken."""
        return name.startswith(self.only) or self.only.startswith(name)

    def take(
        self,
        name: str,
        url: str,
        *,
        expect: str,
        width: int = 1280,
        dark: bool = False,
        height: int | None = None,
        window: int | None = None,
        at: str = "",
        settle_s: float = 0.0,
    ) -> Page:
        """One page into ``<name>.png``.

        Args:
            name: Of the file.
            url: Of the page.
            expect: Text that says that it is there.
            width: Of the window.
            dark: Ask for the dark scheme.
            height: Part of the page that is taken; all of it by default.
            window: Height of the window, for pages that scroll inside themselves.
            at: Selector of the element that the picture starts with.
            settle_s: Wait so long more, for pages that draw in their own time.
        """
        if not name.startswith(self.only):
            return Page()
        page = self.browser.open(url, width=width, dark=dark, expect=expect)
        if window:
            self.browser.resize(width, window)
        self.browser.wait(settle_s)
        top = 0
        if at:
            top = self.browser.evaluate(
                f"document.querySelector({json.dumps(at)}).getBoundingClientRect().top + scrollY"
            )
        wide = self.browser.evaluate("document.documentElement.scrollWidth")
        picture = self.browser.screenshot(top=int(top), height=height or window)
        data = shrink(picture)
        (self.out / f"{name}.png").write_bytes(data)
        overflow = f", {wide - width} px wider than the window" if wide > width else ""
        print(f"{name:34} {len(data) / 1000:6.0f} kB, {len(page.errors)} errors{overflow}")
        for error in sorted(set(page.errors)):
            print(f"    {error[:150]}")
        return page


CLOSE_WELCOME = """(() => {
    const id = 'mlflow.assistant.chat_panel.close';
    const panel = document.querySelector(`[data-component-id="${id}"]`);
    const dialog = [...document.querySelectorAll('button')].find(b => b.innerText === 'Try it now');
    for (const button of [dialog, panel]) if (button) button.click();
})()"""
"""MLflow greets a new reader with a dialog and a chat panel, which are closed once."""


def take_reports(camera: Camera, state: Path, versions: list[RegisteredVersion]) -> list[str]:
    """The newest version's page, wide and narrow, light and dark; what is wrong with it."""
    champion = next((v for v in versions if CHAMPION in v.aliases), versions[0])
    path = state / "reports" / f"{decision_run(champion)}.html"
    url, complaints = path.as_uri(), []
    shots: list[tuple[str, dict[str, Any]]] = []
    for width, height, flips in ((1280, 2700, 1500), (390, 2900, 1700)):
        for dark in (False, True):
            look = "dark" if dark else "light"
            size = {"width": width, "dark": dark}
            shots.append((f"report_{width}_{look}", {**size, "height": height}))
            shots.append(
                (f"report_questions_{width}_{look}", {**size, "height": flips, "at": "#filters"})
            )
        shots.append(
            (f"report_cost_{width}", {"width": width, "height": 1500, "at": "section:has(.curve)"})
        )
    for name, options in shots:
        if not name.startswith(camera.only):
            continue
        page = camera.take(name, url, expect="Questions", **options)
        wide = camera.browser.evaluate("document.documentElement.scrollWidth")
        complaints += [f"{name}: {error}" for error in page.errors]
        complaints += [f"{name}: asked for {r}" for r in page.requests if r not in (url, "data:,")]
        if wide > options["width"]:
            complaints.append(f"{name}: {wide} px wide")
    return complaints


def take_mlflow(
    camera: Camera, address: str, store: Store, versions: list[RegisteredVersion]
) -> None:
    """Registry, versions, run, artifacts, logged model."""
    name, newest = versions[0].name, versions[0]
    champion = next((v for v in versions if CHAMPION in v.aliases), newest)
    run_id = decision_run(champion)
    experiment = store.client().get_run(run_id).info.experiment_id
    run = f"{address}/#/experiments/{experiment}/runs/{run_id}"
    wide: dict[str, Any] = {"width": 1280, "window": 900, "settle_s": 5.0}
    camera.browser.open(f"{address}/#/models", width=1280, dark=False, expect=name)
    camera.browser.wait(5.0)
    camera.browser.evaluate(CLOSE_WELCOME)
    camera.take("mlflow_models", f"{address}/#/models", expect=name, **wide)
    camera.take("mlflow_model", f"{address}/#/models/{name}", expect="champion", **wide)
    for label, version in (("champion", champion), ("refused", refused(versions))):
        if version is not None:
            page = f"{address}/#/models/{name}/versions/{version.version}"
            camera.take(
                f"mlflow_version_{label}", page, expect="Report:", **{**wide, "window": 1300}
            )
    camera.take("mlflow_run", run, expect="Metrics (", **{**wide, "window": 1400})
    files = f"{run}/artifacts"
    camera.take("mlflow_report", f"{files}/{REPORT_FILE}", expect="report.html", **wide)
    camera.take("mlflow_table", f"{files}/report/verdicts.json", expect="gold_sql", **wide)
    camera.take("mlflow_plot", f"{files}/plots/gain_per_slice.png", expect="plots", **wide)
    model = f"{address}/#/experiments/{experiment}/models/{champion.model_id}"
    camera.take(
        "mlflow_logged_model", model, expect="execution_accuracy", **{**wide, "window": 1100}
    )


def take_prefect(
    camera: Camera, address: str, store: Store, versions: list[RegisteredVersion]
) -> None:
    """The flow run of the last refusal, or of the newest version, and its artifact."""
    tags = store.client().get_run(decision_run(refused(versions) or versions[0])).data.tags
    flow_run = tags["prefect.flow_run_id"]
    page = f"{address}/runs/flow-run/{flow_run}"
    wide: dict[str, Any] = {"width": 1280, "settle_s": 5.0}
    camera.take("prefect_flow_run", page, expect="finetune", window=1000, **wide)
    found = post(f"{address}/api/artifacts/filter", {"artifacts": {}, "limit": 50})
    pages = [a for a in found if a["type"] == "markdown"]
    key = next(a["key"] for a in pages if a["flow_run_id"] == flow_run)
    # A run that was repeated has written its page again.
    artifact = max((a for a in pages if a["key"] == key), key=lambda a: str(a["created"]))
    page = f"{address}/artifacts/artifact/{artifact['id']}"
    camera.take("prefect_artifact", page, expect="execution accuracy", window=1500, **wide)


def decision_run(version: RegisteredVersion) -> str:
    """Run of the decision that explains a version: its promotion, else the last one."""
    history = decisions_of(version)
    return str((([d for d in history if d["promote"]] or history)[-1])["run_id"])


def refused(versions: list[RegisteredVersion]) -> RegisteredVersion | None:
    """The newest version that no decision has promoted."""
    return next((v for v in versions if not any(d["promote"] for d in decisions_of(v))), None)


@contextlib.contextmanager
def mlflow_ui(uri: str) -> Iterator[str]:
    """MLflow's pages on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(BIN / "mlflow"), "ui", "--backend-store-uri", uri, "--port", str(port)]
    with server(command, f"http://127.0.0.1:{port}", "/health", {}) as address:
        yield address


@contextlib.contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Prefect's pages, over the database of that home."""
    command = [str(BIN / "prefect"), "server", "start", "--port", str(PREFECT_PORT)]
    environment = {"PREFECT_HOME": str(home.resolve())}
    address = f"http://127.0.0.1:{PREFECT_PORT}"
    with server(command, address, "/api/health", environment) as ready:
        yield ready


@contextlib.contextmanager
def server(
    command: list[str], address: str, health: str, environment: dict[str, str]
) -> Iterator[str]:
    """A server with its helpers, from the moment it answers until the block is left."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **environment},
    )

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(f"{address}{health}", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    try:
        wait_for(answers, address, 120)
        yield address
    finally:
        end_group(process)


def post(url: str, body: dict[str, Any]) -> Any:
    """The JSON that a POST of JSON brings back."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def shrink(picture: bytes) -> bytes:
    """The picture in as many colours as fit `MAX_BYTES`."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        out = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_BYTES:
            break
    return out.getvalue()


if __name__ == "__main__":
    main()
