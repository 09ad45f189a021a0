import os

import pytest
from app_people import children_of, make_handlers

from sql_ft.errors import DataError
from sql_ft.serving.app.asking import ask, run_query, same_result
from sql_ft.serving.app.limits import PageLimits, UploadLimits
from sql_ft.serving.app.models import Answerers
from sql_ft.serving.app.session import Sessions


def put(path, text="a,b\n1,2\n"):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_two_people_share_nothing(handlers, tmp_path):
    handlers.choose("one", "shop")
    handlers.upload("two", str(put(tmp_path / "in" / "mine.csv")))
    first, second = handlers.sessions.get("one"), handlers.sessions.get("two")
    assert "customer" in handlers.run("one", "SELECT name FROM customer").history
    assert "SELECT" not in (handlers.run("two", "SELECT b FROM mine").history or "").replace(
        "SELECT b FROM mine", ""
    )
    assert [e.sql for e in first.history] == ["SELECT name FROM customer"]
    assert [e.sql for e in second.history] == ["SELECT b FROM mine"]
    assert first.folder != second.folder
    assert second.folder.stat().st_mode & 0o077 == 0
    assert "no such table" in handlers.run("one", "SELECT b FROM mine").result.lower()


def test_leaving_removes_the_folder_and_ends_the_child(handlers, tmp_path):
    before = children_of(os.getpid())
    handlers.upload("one", str(put(tmp_path / "in" / "mine.csv")))
    session = handlers.sessions.get("one")
    assert handlers.run("one", "SELECT * FROM mine").chart is None
    assert list(session.folder.iterdir())
    assert children_of(os.getpid()) > before
    handlers.leave("one")
    assert not session.folder.exists()
    assert children_of(os.getpid()) == before
    handlers.leave("one")
    with pytest.raises(DataError, match="this session has ended"), session.in_use():
        pass


def test_an_upload_goes_when_another_database_is_chosen(handlers, tmp_path):
    handlers.upload("one", str(put(tmp_path / "in" / "mine.csv")))
    folder = handlers.sessions.get("one").folder
    assert len(list(folder.iterdir())) == 1
    handlers.choose("one", "shop")
    assert list(folder.iterdir()) == []


def test_a_refused_upload_leaves_the_open_database(handlers, tmp_path):
    handlers.choose("one", "shop")
    view = handlers.upload("one", str(put(tmp_path / "in" / "bad.sqlite", "hello")))
    assert "bad.sqlite is not a SQLite database" in view.notice
    assert view.schema is None
    damaged = tmp_path / "in" / "cut.sqlite"
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes((tmp_path / "shop.sqlite").read_bytes()[:4096] + b"\xff" * 3000)
    assert "Cannot read cut.sqlite" in handlers.upload("one", str(damaged)).notice
    assert "3 rows" in handlers.run("one", "SELECT * FROM customer").result


def test_a_second_request_of_one_person_waits_its_turn(handlers):
    handlers.choose("one", "shop")
    running = handlers.ask("one", "cities?", "champion")
    next(running)
    assert "still running" in handlers.run("one", "SELECT 1").notice
    assert "still running" in handlers.choose("one", "shop").notice
    *_, last = running
    assert "Lyon" in last.result
    assert "1 row" in handlers.run("one", "SELECT 1").result


def test_a_request_that_is_given_up_frees_the_session(handlers):
    handlers.choose("one", "shop")
    running = handlers.ask("one", "cities?", "champion")
    next(running)
    running.close()
    assert handlers.run("one", "SELECT 1").notice == ""


def test_idle_sessions_are_closed_and_their_number_is_limited(tmp_path):
    now = [0.0]
    limits = PageLimits(sessions=2, session_idle_s=100)
    sessions = Sessions(tmp_path, limits, UploadLimits(), clock=lambda: now[0])
    first, _ = sessions.get("one"), sessions.get("two")
    first.last_used = sessions.get("two").last_used = 0.0
    with pytest.raises(DataError, match="2 people use this page now"):
        sessions.get("three")
    now[0] = 101.0
    assert sessions.get("three")
    assert len(sessions) == 1
    assert not first.folder.exists()
    sessions.close_all()
    assert list(tmp_path.iterdir()) == []


def test_history_is_bounded(tmp_path, shop, answerers):
    handlers = make_handlers(tmp_path, shop, answerers, limits=PageLimits(history=3))
    handlers.choose("one", "shop")
    for number in range(5):
        handlers.run("one", f"SELECT {number}")
    assert [e.sql for e in handlers.sessions.get("one").history] == [
        "SELECT 2", "SELECT 3", "SELECT 4",
    ]  # fmt: skip
    handlers.sessions.close_all()


def test_both_are_asked_on_the_same_database(handlers, answerers):
    handlers.choose("one", "shop")
    session = handlers.sessions.get("one")
    *_, asked = ask(session, answerers, "Cities?", "both")
    assert [answer.model for answer in asked.answers] == ["model version 1", "base model"]
    assert same_result(asked.answers[0].result, asked.answers[1].result) is False
    *_, asked = ask(session, answerers, "How many?", "both")
    assert same_result(asked.answers[0].result, asked.answers[1].result) is True
    failed = run_query(session, "SELECT nothing FROM customer").result
    assert same_result(failed, asked.answers[0].result) is None


def test_without_a_champion_the_base_answers(handlers, answerers):
    handlers.choose("one", "shop")
    alone = Answerers(answerers.base, None)
    assert alone.choices == ("base",)
    *_, asked = ask(handlers.sessions.get("one"), alone, "Cities?", "both")
    assert [answer.model for answer in asked.answers] == ["base model"]
    handlers.models = lambda: alone
    assert "No champion yet" in handlers.model_notice()
    assert "make demo" in handlers.model_notice()
