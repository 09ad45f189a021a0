"""Runs share the folder; pruning has it alone or not at all; a dead holder holds nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from sql_ft.errors import ConfigError
from sql_ft.state_lock import own_state, use_state

HOLD = """
import sys, time
from pathlib import Path
from sql_ft.state_lock import use_state
with use_state(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_runs_share_and_pruning_waits_for_all_of_them(tmp_path: Path):
    with use_state(tmp_path), use_state(tmp_path), own_state(tmp_path) as alone:
        assert not alone
    with own_state(tmp_path) as alone:
        assert alone
        with own_state(tmp_path) as second:
            assert not second


def test_a_killed_run_holds_nothing(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with own_state(tmp_path) as alone:
            assert not alone
    finally:
        process.kill()
        process.communicate()
    with own_state(tmp_path) as alone:
        assert alone


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "locks").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot write"), use_state(tmp_path):
        pass
