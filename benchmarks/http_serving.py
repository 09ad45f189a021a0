"""`mlflow models serve` under several clients: no error, and the answers of `predict`.

    python benchmarks/http_serving.py --config deployments/configs/tiny.yaml \
        --set state_dir=STATE [--requests 200] [--clients 8]

Starts the server on a free port, asks it, and ends it. One table.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from sql_ft.assets.sample_databases.questions import QUESTIONS
from sql_ft.assets.sample_databases.tables import flights_tables, library_tables, shop_tables
from sql_ft.config import load_config
from sql_ft.serving.predictor import Predictor, Question

TABLES = {"shop": shop_tables, "library": library_tables, "flights": flights_tables}
START_TIMEOUT_S = 240.0


def main() -> None:
    arguments = parse_arguments()
    settings = load_config(arguments.config, arguments.set)
    rows = [
        Question(question, "; ".join(table.ddl for table in TABLES[name]()))
        for name, questions in QUESTIONS.items()
        for question, _ in questions
    ]
    predictor = Predictor.from_alias("champion", settings)
    expected = [answer.sql for answer in predictor.predict(rows)]
    model = f"models:/{settings.tracking.registered_model_name}/{predictor.version_number}"
    with tempfile.TemporaryDirectory() as work:
        port = free_port()
        log = Path(work, "server.log")
        with log.open("wb") as stream:
            server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "models", "serve", "-m", model),
                    *("--env-manager", "local", "--port", str(port)),
                ],
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={
                    **os.environ,
                    "MLFLOW_TRACKING_URI": settings.resolved_tracking_uri,
                    "HF_HUB_OFFLINE": "1",
                    "GOMP_SPINCOUNT": "1000",
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                },
            )
        try:
            started = time.monotonic()
            wait_until_ready(server, port, log)
            print(f"{predictor.label}: ready after {time.monotonic() - started:.0f} s")
            measure(port, rows, expected, arguments)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def measure(
    port: int, rows: list[Question], expected: list[str], arguments: argparse.Namespace
) -> None:
    outcomes: collections.Counter[str] = collections.Counter()
    times = []

    def ask(number: int) -> tuple[str, float]:
        row = rows[number % len(rows)]
        body = {"dataframe_records": [{"context": row.context, "question": row.question}]}
        begun = time.monotonic()
        try:
            found = post(port, body)
        except (urllib.error.URLError, OSError) as error:
            return f"error: {error}", time.monotonic() - begun
        same = found["predictions"] == [expected[number % len(rows)]]
        return "equal" if same else "differs", time.monotonic() - begun

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.clients) as pool:
        for outcome, seconds in pool.map(ask, range(arguments.requests)):
            outcomes[outcome] += 1
            times.append(seconds)
    wall = time.monotonic() - started
    print(
        f"{'requests':>9}{'clients':>9}{'equal':>7}{'other':>7}{'median s':>10}{'p95 s':>8}{'s':>7}"
    )
    other = arguments.requests - outcomes["equal"]
    print(
        f"{arguments.requests:>9}{arguments.clients:>9}{outcomes['equal']:>9}{other:>9}"
        f"{statistics.median(times):>9.2f}{statistics.quantiles(times, n=20)[18]:>9.2f}"
        f"{wall:>9.0f}"
    )
    if other:
        raise SystemExit(str(outcomes))


def post(port: int, body: object) -> dict[str, list[str]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        answer: dict[str, list[str]] = json.load(response)
    return answer


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"the server does not start:\n{log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
