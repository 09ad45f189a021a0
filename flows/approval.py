"""A person's word before the champion moves: a paused flow run with a form in Prefect."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Running
from pydantic import Field

from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError
from sql_ft.records import Check, Decision
from sql_ft.tracking.decision_page import check_table
from tasks.promote import refuse

CHECK = "approved"
_POLL_INTERVAL_S = 5


class Approval(RunInput):
    """What the reviewer fills in."""

    approve: bool = Field(description="make the candidate the champion")
    reviewer: str = Field(min_length=1, max_length=100, description="who decides")
    reason: str = Field(min_length=1, max_length=500, description="kept with the decision")


def check_approval_possible(config: RunConfig) -> None:
    """Fail before anything is trained if nobody could ever answer.

    Raises:
        ConfigError: Approval is required, and there is no Prefect server to ask on.
    """
    if config.promotion.require_approval and not PREFECT_API_URL.value():
        raise ConfigError(
            "promotion.require_approval is set, and no Prefect server is configured: a run's "
            "own temporary server has no page that a reviewer could open",
            setting="PREFECT_API_URL",
            expected="a Prefect server (`prefect server start`), or "
            "promotion.require_approval=false",
        )


def ask_for_approval(
    config: RunConfig, decision: dict[str, Any], candidate: dict[str, Any]
) -> dict[str, Any]:
    """Pause until a reviewer answers; no answer keeps the champion.

    The flow holds no lock meanwhile: the champion is read again when the decision is
    applied, and a change leads to a new comparison and a new question.

    Args:
        config: `PromotionConfig.approval_timeout_s`.
        decision: In favour of the candidate, as the gate made it.
        candidate: Registry version that asks.

    Returns:
        The decision with one check more: approved by whom and why, or refused.
    """
    logger = get_run_logger()
    made = Decision.from_dict(decision)
    timeout_s = config.promotion.approval_timeout_s
    page = render_request(config, made, candidate)
    create_markdown_artifact(
        key=f"sql-ft-approval-{config.tracking.registered_model_name}".lower().replace("_", "-"),
        markdown=page,
        description=f"waiting for approval: version {candidate['version']}",
    )
    logger.info("version %s waits for approval (%d s)", candidate["version"], timeout_s)
    try:
        answer: Approval = pause_flow_run(
            wait_for_input=Approval.with_initial_data(description=page),
            timeout=timeout_s,
            poll_interval=min(_POLL_INTERVAL_S, timeout_s),
        )
    except FlowPauseTimeout:
        _keep_running()
        return refuse(made, CHECK, f"approval timed out after {timeout_s} s").to_dict()
    said = f"{answer.reviewer}: {answer.reason}"
    if not answer.approve:
        return refuse(made, CHECK, f"not approved by {said}").to_dict()
    approved = Check(CHECK, answer.reviewer, "a reviewer", True, f"approved by {said}")
    return {**decision, "checks": [*decision["checks"], approved.to_dict()]}


def render_request(config: RunConfig, decision: Decision, candidate: dict[str, Any]) -> str:
    """Markdown of the form: what the gate found, and what approving would do."""
    name, version = config.tracking.registered_model_name, candidate["version"]
    live = f"version {decision.champion_version}" if decision.champion_version else "nothing"
    lines = [
        f"### {name}: make version {version} the champion?",
        f"\nLive now: {live}. The gate: **{decision.reason}**\n",
        *check_table(decision.to_dict()["checks"]),
        f"\nWithout an answer within {config.promotion.approval_timeout_s} s the champion stays.",
    ]
    if decision.champion_version:
        lines.append(f"What would be lost: `sql-ft diff {decision.champion_version} {version}`.")
    return "\n".join(lines)


def _keep_running() -> None:
    """Take the flow run out of its pause.

    Prefect fails a run whose pause has timed out; here that is an answer, and the run has
    a refusal to record.
    """
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(
            flow_run.id, Running(message="approval timed out; the champion stays"), force=True
        )
