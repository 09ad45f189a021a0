"""What a newcomer's first command does, as it is: the demo, and the demo again."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sql_ft.config import load_config
from sql_ft.tracking.promotion import decisions_of
from sql_ft.tracking.registry import get_alias, list_versions
from sql_ft.tracking.store import prepare_store

DEMO = Path(__file__).parents[2] / "deployments" / "configs" / "tiny.yaml"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_demo_promotes_a_better_adapter_once(
    command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    state = f"state_dir={tmp_path / 'state'}"
    config = load_config(DEMO, [state])
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name

    process = command("run", "--config", str(DEMO), "--set", state)
    output, _ = process.communicate(timeout=1500)
    assert process.returncode == 0, output
    assert "promoted: execution accuracy" in output
    champion = get_alias(store, name, "champion")
    assert champion is not None
    (decision,) = decisions_of(champion)
    # Ten points with p < 0.01 were measured; another processor rounds differently.
    (gain,) = [c["value"] for c in decision["checks"] if c["name"] == "min_effect"]
    assert gain > 0.05, decision
    assert len(list(Path(tmp_path, "state", "reports").glob("*.html"))) == 1

    process = command("run", "--config", str(DEMO), "--set", state)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert "kept v1: adapter is identical to the champion v1" in output
    assert len(list_versions(store, name)) == 1
