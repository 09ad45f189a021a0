import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli, interruption


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_state", {"message": ""})


def test_commands_say_what_stands_themselves() -> None:
    assert interruption.interruption_message() == "run again to resume"
    interruption.tell_if_interrupted("the champion is untouched")
    interruption.tell_if_interrupted("the decision is recorded (kept v1)")
    assert interruption.interruption_message() == (
        "the decision is recorded (kept v1); run again to resume"
    )


@pytest.mark.parametrize("message", ["", "the champion is untouched", "recorded ([b]kept[/b])"])
def test_main_prints_it_and_exits_130(monkeypatch, capsys, message: str) -> None:
    def interrupted(**_: object) -> None:
        if message:
            interruption.tell_if_interrupted(message)
        signal.raise_signal(signal.SIGINT)

    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(cli, "app", interrupted)
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert caught.value.code == 130
    said = capsys.readouterr().err
    assert said == f"interrupted: {message + '; ' if message else ''}run again to resume\n"


def test_run_outlives_the_reader_of_its_output(tmp_path: Path) -> None:
    """A worker that is killed takes the pipe with it into which a run prints."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rich.console import Console\n"
        "from flows.logging_setup import outlive_reader\n"
        "outlive_reader()\n"
        "sys.stdin.readline()\n"
        "for _ in range(3):\n"
        "    Console(stderr=True).print('x' * 700)\n"
        "print('y' * 700, flush=True)\n"
        f"Path({str(tmp_path / 'went_on')!r}).touch()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait(60) == 0
    assert (tmp_path / "went_on").exists()
