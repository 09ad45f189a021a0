"""Events that automations can act on: promoted, kept, failed.

`deployments/automations/webhook.yaml` shows one that posts them to a webhook.
"""

from __future__ import annotations

from typing import Any

from prefect import Flow, runtime
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event

from sql_ft.config import RunConfig

PROMOTED, KEPT, FAILED = "sql_ft.adapter.promoted", "sql_ft.adapter.kept", "sql_ft.run.failed"
_MAX_REASON = 2000


def artifact_key(config: RunConfig) -> str:
    """Key of the artifact that a run of this configuration shows."""
    return f"sql-ft-{config.name.lower().replace('_', '-').replace('.', '-')}"


def model_resource(config: RunConfig) -> dict[str, str]:
    """The registered model as the resource of an event."""
    name = config.tracking.registered_model_name
    return {"prefect.resource.id": f"sql_ft.model.{name}", "prefect.resource.name": name}


def announce_decision(config: RunConfig, outcome: dict[str, Any]) -> None:
    """Emit `sql_ft.adapter.promoted` or `sql_ft.adapter.kept`, with the reason."""
    decision, before = outcome["decision"], outcome["champion_before"]
    related = [
        {
            "prefect.resource.id": f"prefect.flow-run.{runtime.flow_run.id}",
            "prefect.resource.role": "flow-run",
        }
    ]
    emit_event(
        PROMOTED if decision["promote"] else KEPT,
        resource=model_resource(config),
        related=related if runtime.flow_run.id else [],
        payload={
            "reason": decision["reason"],
            "version": outcome["version"]["version"],
            "champion_before": before["version"] if before else None,
            "mlflow_run_id": outcome["run_id"],
            "config": config.name,
        },
    )


def announce_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook of a flow that failed or crashed: emit `sql_ft.run.failed` with the reason."""
    emit_event(
        FAILED,
        resource={
            "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
            "prefect.resource.name": flow_run.name,
        },
        payload={"reason": (state.message or "")[:_MAX_REASON], "state": state.name or ""},
    )
