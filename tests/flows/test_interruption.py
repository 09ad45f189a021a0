import signal

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
