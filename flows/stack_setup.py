"""What a Prefect server must know before it can run the flows: pool, deployments, automations.

Applying it again changes what differs and adds nothing twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from sql_ft.errors import ConfigError, StackError
from sql_ft.stack.processes import Background
from sql_ft.stack.services import WORKER_NAME

PREFECT_FILE = Path("deployments", "prefect.yaml")
AUTOMATIONS_FILE = Path("deployments", "automations.yaml")
TEMPLATES = Path("deployments", "work_pools")
_DEPLOY_TIMEOUT_S = 300.0


def apply_setup(root: Path, api_url: str, pool: str, env: Mapping[str, str]) -> list[str]:
    """Create or update pool, deployments and automations; return the deployments' names.

    Args:
        root: Folder that holds `deployments/`.
        api_url: Prefect's API.
        pool: Name of the work pool.
        env: Environment of `prefect deploy`.

    Raises:
        ConfigError: A file under `deployments/` is malformed.
        StackError: The server refused something.
    """
    with (
        temporary_settings({PREFECT_API_URL: api_url}),
        get_client(sync_client=True) as client,
    ):
        apply_work_pool(client, pool, root / TEMPLATES / "process.json")
        deploy(root, env)
        apply_automations(client, root / AUTOMATIONS_FILE)
        return sorted(
            f"finetune/{d['name']}" for d in read_yaml(root / PREFECT_FILE)["deployments"]
        )


def apply_work_pool(client: SyncPrefectClient, name: str, template_file: Path) -> None:
    """Create the process pool, or give an existing one this repository's template.

    The pool's concurrency limit of one is the machine's one GPU: it is set when the pool is
    made, and what an operator has set since then stays.
    """
    template = json.loads(template_file.read_text(encoding="utf-8"))
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(
                name=name, type="process", base_job_template=template, concurrency_limit=1
            )
        )
        return
    client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def deploy(root: Path, env: Mapping[str, str]) -> None:
    """Run the command that the documentation prints."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        [*command, "--prefect-file", str(PREFECT_FILE)],
        cwd=root,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=_DEPLOY_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(
            f"`prefect deploy` failed:\n{(done.stdout + done.stderr).strip()[-2000:]}",
            setting=str(PREFECT_FILE),
        )


def apply_automations(client: SyncPrefectClient, file: Path) -> None:
    """Create each automation of the file, or replace the one of the same name if it differs.

    Replacing it makes Prefect forget what it is waiting for: a crash that is just being waited
    upon would never be followed by a repetition.
    """
    for values in read_yaml(file)["automations"]:
        automation = AutomationCore.model_validate(values)
        known = client.read_automations_by_name(automation.name)
        if not known:
            client.create_automation(automation)
        elif _content(known[0]) != _content(automation):
            client.update_automation(known[0].id, automation)


def _content(automation: AutomationCore) -> dict[str, Any]:
    """What the file says of an automation, without what the server adds."""
    names = set(AutomationCore.model_fields) - {"owner_resource"}
    return AutomationCore.model_validate(automation.model_dump(include=names)).model_dump(
        mode="json", include=names
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds a {type(values).__name__}", expected="a mapping")
    return values


def wait_for_worker(api_url: str, pool: str, worker: Background, timeout_s: float) -> None:
    """Return once the pool has seen a heartbeat of this worker, not of its predecessor.

    Raises:
        StackError: The worker ended, or was not seen in time; with the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    with (
        temporary_settings({PREFECT_API_URL: api_url}),
        get_client(sync_client=True) as client,
    ):
        while time.monotonic() < deadline and worker.alive:
            found = client.read_workers_for_work_pool(pool)
            beats = [w.last_heartbeat_time for w in found if w.name == WORKER_NAME]
            if any(beat and beat.timestamp() > worker.started_s for beat in beats):
                return
            time.sleep(0.5)
    raise StackError(f"the worker did not start; {worker.log}:\n{worker.log_tail()}")
