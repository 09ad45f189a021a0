"""The quick end of a command does what the slow one does."""

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, sys, threading, time
atexit.register(print, "registered")
def work():
    time.sleep(0.3)
    print("thread")
threading.Thread(target=work).start()
class Heavy:
    def __del__(self):
        print("taken apart")
heavy = Heavy()
print("last line")
{end}
"""


def run(end: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(end=end)], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("code", [0, 3])
def test_threads_and_registered_functions_come_first(code):
    slow = run(f"sys.exit({code})")
    quick = run(f"from flows.leaving import leave; leave({code})")
    assert slow == (code, ["last line", "thread", "registered", "taken apart"])
    assert quick == (code, slow[1][:-1])


@pytest.mark.parametrize("end", ["sys.exit(0)", "from flows.leaving import leave; leave(0)"])
def test_a_reader_that_went_away_shows(end):
    process = subprocess.Popen(
        # -E: with unbuffered output the first line fails, and not the end.
        [sys.executable, "-E", "-c", SCRIPT.format(end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(30) == 120


def test_the_command_keeps_its_exit_codes():
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "config", "--set", "train.lora_r=0"],
        capture_output=True,
        text=True,
        check=False,
    )
    plain = subprocess.run(
        [sys.executable, "-m", "flows.cli", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode not in (0, 120)
    assert "lora_r" in done.stderr
    assert plain.returncode == 0
    assert "registry" in plain.stdout
