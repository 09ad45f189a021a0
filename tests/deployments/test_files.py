"""The files under deployments/ say what the code expects."""

import json
from pathlib import Path

import pytest
import yaml

from sql_ft.config import load_config, parse_config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments"


def deployments():
    content = yaml.safe_load((FOLDER / "prefect.yaml").read_text(encoding="utf-8"))
    return {d["name"]: d for d in content["deployments"]}


def test_parameters_are_settings_and_the_tiny_configuration():
    tiny = load_config(FOLDER / "configs" / "tiny.yaml")
    assert {"weekly", "on-demand", "tiny", "batch-predict"} <= set(deployments())
    for deployment in deployments().values():
        assert parse_config(deployment["parameters"]["config"]) == tiny
        assert deployment["enforce_parameter_schema"] is True
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
        env = deployment["work_pool"]["job_variables"]["env"]
        assert env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"


def test_weekly_has_a_schedule_with_a_time_zone():
    (schedule,) = deployments()["weekly"]["schedules"]
    assert schedule["cron"] == "0 5 * * 1"
    assert schedule["timezone"]


def test_form_of_the_flow_has_bounds_and_descriptions():
    from prefect.utilities.callables import parameter_schema

    from flows.finetune import finetune

    schema = parameter_schema(finetune.fn).model_dump()
    assert set(schema["properties"]) == {"config", "overrides", "force"}
    train = schema["definitions"]["TrainConfig"]["properties"]
    assert train["lora_r"]["minimum"] == 1
    assert train["lora_r"]["maximum"] == 1024
    data = schema["definitions"]["DataConfig"]["properties"]
    assert data["train_rows"]["description"]


@pytest.mark.parametrize("name", ["automations.yaml", "automations.webhook.yaml"])
def test_automations_are_valid(name):
    from prefect.events.schemas.automations import AutomationCore

    content = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    for values in content["automations"]:
        automation = AutomationCore.model_validate(values)
        assert automation.enabled
        assert automation.actions


def test_heartbeats_come_often_enough_for_the_automation():
    content = yaml.safe_load((FOLDER / "automations.yaml").read_text(encoding="utf-8"))
    within = next(a["trigger"]["within"] for a in content["automations"] if "dead" in a["name"])
    assert within >= 3 * 30


def test_process_template_fits_its_worker():
    from prefect.workers.process import ProcessWorker

    template = json.loads((FOLDER / "work_pools" / "process.json").read_text(encoding="utf-8"))
    known = ProcessWorker.get_default_base_job_template()
    assert template["job_configuration"] == known["job_configuration"]
    assert set(template["variables"]["properties"]) == set(known["variables"]["properties"])
    assert template["variables"]["properties"]["env"]["default"]["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize("kind", ["process", "docker", "kubernetes"])
def test_templates_are_schemas_and_use_only_their_variables(kind):
    import re

    from jsonschema import Draft202012Validator

    template = json.loads((FOLDER / "work_pools" / f"{kind}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(template["variables"])
    used = set(re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
