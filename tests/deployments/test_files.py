"""The files under deployments/ say what the code expects."""

import copy
import json
from importlib.resources import files
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
    of_tiny = ("weekly", "on-demand", "evaluate-champion", "tiny", "batch-predict")
    files = dict.fromkeys(of_tiny, "tiny") | {"sweep": "sweep_tiny"}
    assert set(deployments()) == set(files)
    for name, deployment in deployments().items():
        written = load_config(FOLDER / "configs" / f"{files[name]}.yaml")
        assert parse_config(deployment["parameters"]["config"]) == written
        assert deployment["enforce_parameter_schema"] is True
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
        env = deployment["work_pool"]["job_variables"]["env"]
        assert env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"


def test_weekly_has_a_schedule_with_a_time_zone():
    (schedule,) = deployments()["weekly"]["schedules"]
    assert schedule["cron"] == "0 5 * * 1"
    assert schedule["timezone"]


def test_the_nightly_check_asks_the_champion_what_nobody_asked():
    from sql_ft.config_questions import FreshConfig

    deployment = deployments()["evaluate-champion"]
    assert deployment["entrypoint"] == "flows/evaluate.py:evaluate"
    (schedule,) = deployment["schedules"]
    assert schedule["cron"] == "0 2 * * *"
    assert deployment["parameters"]["versions"] == ["champion"]
    assert FreshConfig.model_validate(deployment["parameters"]["fresh"]) == FreshConfig()


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


def test_form_of_the_sweep_has_bounds_and_descriptions():
    from prefect.utilities.callables import parameter_schema

    from flows.sweep import sweep

    schema = parameter_schema(sweep.fn).model_dump()
    assert set(schema["properties"]) == {"config", "overrides"}
    fields = schema["definitions"]["SweepConfig"]["properties"]
    assert fields["lora_r"]["items"] == {"type": "integer", "minimum": 1, "maximum": 1024}
    assert fields["target_modules"]["items"]["enum"] == ["attention", "attention_mlp"]
    assert fields["max_children"]["maximum"] == 1024
    assert all(fields[name]["description"] for name in ("lora_r", "train_rows", "runner"))
    kept = schema["definitions"]["RetentionConfig"]["properties"]
    assert kept["cache_max_gb"]["minimum"] == 0.0


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


@pytest.mark.parametrize("name", ["Dockerfile", "app.Dockerfile"])
def test_dockerfiles_copy_what_exists_and_install_extras_that_exist(name):
    import re
    import tomllib

    text = (FOLDER / "docker" / name).read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"-e '\.\[([a-z0-9,]+)\]'", text)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def compose():
    return yaml.safe_load((FOLDER / "docker" / "compose.yaml").read_text(encoding="utf-8"))


def compose_errors(content):
    """What the compose specification's own schema, as check-jsonschema ships it, objects to."""
    from jsonschema.validators import validator_for

    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    validator = validator_for(schema)
    validator.check_schema(schema)
    found = validator(schema).iter_errors(content)
    return sorted("/".join(map(str, error.path)) for error in found)


def test_compose_file_is_valid_by_the_specification():
    assert compose_errors(compose()) == []


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("worker", "port", ["127.0.0.1:1:1"]),  # no such key
        ("mlflow", "ports", "127.0.0.1:5000:5000"),  # a list is due
        ("prefect", "depends_on", {"postgres": {"condition": "healthy"}}),  # no such condition
    ],
)
def test_a_wrong_compose_file_is_found_out(service, key, value):
    content = copy.deepcopy(compose())
    content["services"][service][key] = value
    assert any(path.startswith(f"services/{service}") for path in compose_errors(content))


def test_compose_file_names_only_what_it_declares_and_publishes_on_loopback():
    content = compose()
    for service in content["services"].values():
        assert set(service.get("depends_on", {})) <= set(content["services"])
        for name, needed in service.get("depends_on", {}).items():
            if needed["condition"] == "service_healthy":
                assert "healthcheck" in content["services"][name]
        assert set(service["networks"]) <= set(content["networks"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (FOLDER / "docker" / source).is_file()
            else:
                assert source in content["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        if "build" in service:
            context = (FOLDER / "docker" / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()


def test_compose_file_takes_its_secrets_from_the_example_env():
    import re

    text = (FOLDER / "docker" / "compose.yaml").read_text(encoding="utf-8")
    lines = (FOLDER / "docker" / "example.env").read_text(encoding="utf-8").split()
    assert set(re.findall(r"\$\{(\w+)", text)) == {line.partition("=")[0] for line in lines}


def test_space_runs_the_page_with_the_pinned_gradio():
    space = FOLDER / "space"
    header = yaml.safe_load((space / "README.md").read_text(encoding="utf-8").split("---")[1])
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert f"gradio=={header['sdk_version']}" in pins
    compile((space / header["app_file"]).read_text(encoding="utf-8"), "app.py", "exec")
    assert "app" in (space / "requirements.txt").read_text(encoding="utf-8")
