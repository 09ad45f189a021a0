"""The printed commands, on real servers and a real worker: up, run, skip, fail, status, down.

Once on SQLite and once on PostgreSQL. Databases of one's own: SQL_FT_TEST_PREFECT_DATABASE
(postgresql+asyncpg://…) and SQL_FT_TEST_MLFLOW_DATABASE (postgresql+psycopg://…), both empty.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import private_postgres
import psutil
import pytest
import yaml
from deployed_stack import ROOT, DeployedStack
from private_postgres import PrivatePostgres
from tiny_run import add_rows, run_settings, write_inputs
from webhook_listener import WebhookListener

from sql_ft.errors import StackError
from sql_ft.stack.services import MLFLOW, PREFECT, WORKER
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import get_alias

RUN = ("prefect", "deployment", "run", "finetune/weekly")
NIGHT = ("prefect", "deployment", "run", "evaluate/evaluate-champion")
NO_BLOCK = "00000000-0000-0000-0000-000000000000"
TOKEN, HOOK = "hf_Th1sM4yStandN0where", "h00kTh1sM4yStandN0where"
_MAKE_BLOCK = (
    "import sys; from prefect.blocks.webhook import Webhook; "
    'print(Webhook(method="POST", url=sys.argv[1]).save("sql-ft"))'
)


@pytest.fixture
def sqlite() -> tuple[str, str]:
    return "", ""


@pytest.fixture
def postgresql() -> Iterator[tuple[str, str]]:
    own = tuple(os.environ.get(f"SQL_FT_TEST_{n}_DATABASE", "") for n in ("PREFECT", "MLFLOW"))
    if all(own):
        yield own[0], own[1]
        return
    if reason := private_postgres.missing():
        pytest.skip(reason)
    with PrivatePostgres() as cluster:
        yield (
            cluster.url("postgresql+asyncpg", "prefect"),
            cluster.url("postgresql+psycopg", "mlflow"),
        )


@pytest.fixture
def hook() -> Iterator[WebhookListener]:
    with WebhookListener() as listener:
        yield listener


def tell(stack: DeployedStack, hook: WebhookListener, folder: Path) -> None:
    """Set up deployments/automations.webhook.yaml as its comments say."""
    made = subprocess.run(
        [sys.executable, "-c", _MAKE_BLOCK, f"{hook.url}/{HOOK}"],
        env={**stack.env, "PREFECT_API_URL": stack.api_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    block = made.stdout.strip().splitlines()[-1]
    shipped = (ROOT / "deployments" / "automations.webhook.yaml").read_text(encoding="utf-8")
    file = folder / "automations.webhook.yaml"
    file.write_text(shipped.replace(NO_BLOCK, block), encoding="utf-8")
    assert block in {a["block_document_id"] for a in actions(file)}
    done = stack.call("prefect", "automation", "create", "--from-file", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def actions(file: Path) -> list[dict[str, str]]:
    automations = yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]
    return [action for automation in automations for action in automation["actions"]]


def files_with(folder: Path, secret: str) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def champions_metrics(stack: DeployedStack, name: str, folder: Path) -> dict[str, float]:
    store = prepare_store(stack.mlflow_url, folder)
    champion = get_alias(store, name, "champion")
    assert champion is not None
    return dict(store.client().get_run(champion.run_id).data.metrics)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_up_weekly_unchanged_status_down(
    backend: str,
    request: pytest.FixtureRequest,
    hook: WebhookListener,
    tmp_path: Path,
) -> None:
    databases = request.getfixturevalue(backend)
    state = tmp_path / "state"
    base, rows = write_inputs(tmp_path / "inputs")
    settings = run_settings(base, rows, state, "weekly-test")
    stack = DeployedStack(state, *databases, env={"HF_TOKEN": TOKEN})
    try:
        assert stack.settings.prefect_url in stack.up()
        listening = {
            connection.laddr.ip
            for process in stack.marked(PREFECT, MLFLOW, WORKER)
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        tell(stack, hook, tmp_path)

        bad = stack.call(*RUN, "--param", 'config={"train": {"lora_r": 0}}')
        assert bad.returncode != 0
        assert "config.train.lora_r" in bad.stdout + bad.stderr

        with pytest.raises(StackError, match=r"config\.train\.lora_r.*0 is less than"):
            stack.submit("finetune/weekly", {"config": {"train": {"lora_r": 0}}})

        values = json.dumps(settings)
        # The same pool serves the nightly check, also while nothing is live.
        night = stack.call(*NIGHT, "--param", f"config={values}", "--watch")
        assert "'Completed'" in night.stdout, night.stdout + night.stderr

        first = stack.call(*RUN, "--param", f"config={values}", "--watch")
        assert first.returncode == 0, first.stdout + first.stderr
        assert "'Completed'" in first.stdout
        assert "execution accuracy 1.000" in hook.wait_for("sql_ft.adapter.promoted: ")
        again = stack.call(*RUN, "--param", f"config={values}", "--watch")
        assert "'NothingNew'" in again.stdout, again.stdout + again.stderr
        hook.wait_for("sql_ft.run.skipped: nothing new since v1")

        # Questions over new databases have come: the check asks those that no training may see.
        add_rows(rows, range(24, 64))
        fresh = '{"rows": 24, "min_rows": 12}'
        night = stack.call(
            *NIGHT, "--param", f"config={values}", "--param", f"fresh={fresh}", "--watch"
        )
        assert "'Completed'" in night.stdout, night.stdout + night.stderr
        metrics = champions_metrics(stack, "weekly-test", tmp_path / "checks")
        assert metrics["fresh/champion/n_scored"] == 24
        assert metrics["fresh/since_promotion/drifted"] == 0

        settings["data"]["path"] = str(tmp_path / "gone.jsonl")
        failed = stack.submit("finetune/weekly", {"config": settings})
        run = stack.wait_until_settled(failed)
        assert run["state"]["type"] == "FAILED"
        assert "gone.jsonl" in run["state"]["message"]
        assert "gone.jsonl" in hook.wait_for("sql_ft.run.failed: ")

        name = ("--set", "tracking.registered_model_name=weekly-test")
        status = stack.call("flows.cli", "status", *name)
        assert status.returncode == 0, status.stdout + status.stderr
        assert "weekly-test v1" in status.stdout
        # The scheduler has made the runs of the coming Mondays and nights.
        assert "weekly at" in status.stdout
        assert "evaluate-champion at" in status.stdout
        assert stack.busy_slots() == 0
    finally:
        family = stack.marked(PREFECT, MLFLOW, WORKER)
        down = stack.down()
    assert down.startswith("stopped worker, "), down
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    passwords = [url.split(":")[2].partition("@")[0] for url in databases if url]
    for secret in (TOKEN, HOOK, *passwords):
        assert files_with(tmp_path, secret) == []
