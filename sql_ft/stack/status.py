"""What is live, what ran, what comes next, and how much evidence is left."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

from sql_ft.errors import StackError
from sql_ft.stack.api import get_json, post_json

#: Tags under which the registry keeps the looks taken at the evaluation sets.
BUDGET_PREFIX = "error_budget.look."
_FLOW = "finetune"


@dataclasses.dataclass(frozen=True, slots=True)
class ChampionStatus:
    """The live version and what the registry says of it."""

    name: str
    version: str
    since: datetime | None
    adapter_hash: str
    base: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class BudgetStatus:
    """Looks taken at the evaluation sets, and the error probability left for the next ones."""

    looks: int
    left: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class RunStatus:
    """One flow run."""

    name: str
    state: str
    message: str
    start: datetime | None
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """The next scheduled run of a deployment."""

    deployment: str
    start: datetime


def read_champion(mlflow_url: str, name: str) -> tuple[ChampionStatus | None, BudgetStatus | None]:
    """Ask the registry for the champion and the spent budget; None for what is not there.

    Raises:
        StackError: The server does not answer.
    """
    api = f"{mlflow_url.rstrip('/')}/api/2.0/mlflow"
    answer = get_json(f"{api}/registered-models/get", {"name": name})
    if answer is None:
        return None, None
    model = answer["registered_model"]
    budget = _budget(_tags(model))
    aliases = {alias["alias"]: str(alias["version"]) for alias in model.get("aliases", [])}
    if "champion" not in aliases:
        return None, budget
    found = get_json(f"{api}/model-versions/get", {"name": name, "version": aliases["champion"]})
    if found is None:
        raise StackError(f"{name} has no version {aliases['champion']}, which is its champion")
    version = found["model_version"]
    tags = _tags(version)
    champion = ChampionStatus(
        name=name,
        version=aliases["champion"],
        since=_from_ms(version.get("creation_timestamp")),
        adapter_hash=tags.get("adapter_hash", "")[:12],
        base=tags.get("base_model", ""),
        reason=tags.get("decision_reason", ""),
    )
    return champion, budget


def read_runs(api_url: str, limit: int = 5) -> list[RunStatus]:
    """The last flow runs that have started, newest first.

    Raises:
        StackError: The server does not answer.
    """
    rows = post_json(
        f"{api_url}/flow_runs/filter",
        {
            "sort": "START_TIME_DESC",
            "limit": limit,
            "flow_runs": {
                "state": {"type": {"not_any_": ["SCHEDULED"]}},
                "parent_task_run_id": {"is_null_": True},
            },
        },
    )
    return [
        RunStatus(
            name=row["name"],
            state=row.get("state_name") or "",
            message=(row.get("state") or {}).get("message") or "",
            start=_from_iso(row.get("start_time")),
            seconds=float(row.get("estimated_run_time") or row.get("total_run_time") or 0.0),
        )
        for row in rows or []
    ]


def read_schedule(api_url: str, limit: int = 50) -> list[ScheduleStatus]:
    """The next scheduled run of each deployment, soonest first.

    Args:
        api_url: Prefect's API.
        limit: Scheduled runs to look through.

    Raises:
        StackError: The server does not answer.
    """
    rows = post_json(
        f"{api_url}/flow_runs/filter",
        {
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": limit,
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        },
    )
    ids = sorted({row["deployment_id"] for row in rows or [] if row.get("deployment_id")})
    names = {}
    if ids:
        found = post_json(f"{api_url}/deployments/filter", {"deployments": {"id": {"any_": ids}}})
        names = {row["id"]: row["name"] for row in found or []}
    soonest: dict[str, ScheduleStatus] = {}
    for row in rows or []:
        start = _from_iso(row.get("expected_start_time"))
        name = names.get(row.get("deployment_id"), row["name"])
        if start is not None and name not in soonest:
            soonest[name] = ScheduleStatus(name, start)
    return list(soonest.values())


def _tags(entity: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in entity.get("tags", [])}


def _budget(tags: dict[str, str]) -> BudgetStatus | None:
    looks = sorted(key for key in tags if key.startswith(BUDGET_PREFIX))
    if not looks:
        return None
    try:
        left = json.loads(tags[looks[-1]]).get("left_after")
    except (ValueError, AttributeError):
        left = None
    return BudgetStatus(len(looks), float(left) if left is not None else None)


def _from_iso(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _from_ms(value: Any) -> datetime | None:
    return datetime.fromtimestamp(int(value) / 1000, UTC) if value else None
