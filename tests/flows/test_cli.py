import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.Popen[str]]


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['sql-ft', '--help']\n"
        "from flows.cli import app\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'prefect', 'mlflow', 'transformers', 'duckdb'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Run the whole chain" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["run", "--set", "train.lora_rank=8"], ["train.lora_rank", "unknown setting"], 2),
        (["run", "--set", "train.lora_r=0"], ["train.lora_r", "greater than or equal to 1"], 2),
        (["run", "--config", "absent.yaml"], ["absent.yaml", "--config"], 2),
        (
            ["config", "--set", "promotion.error_budget=2"],
            ["promotion.error_budget", "less than 0.5"],
            2,
        ),
        (["run", "--no-such-option"], ["No such option"], 2),
    ],
)
def test_bad_arguments_end_before_anything_starts(
    command: Command, arguments: list[str], words: list[str], code: int
) -> None:
    start = time.monotonic()
    process = command(*arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    for word in words:
        assert word in output
    assert "Traceback" not in output
    assert time.monotonic() - start < 30


def test_config_prints_what_a_run_would_use(command: Command) -> None:
    process = command("config", "--set", "train.lora_r=8")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "lora_r: 8" in output


def test_versions_of_an_empty_registry(command: Command, tmp_path: Path) -> None:
    process = command("versions", "--set", f"state_dir={tmp_path / 'state'}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "no versions of sql-ft-tiny" in output
