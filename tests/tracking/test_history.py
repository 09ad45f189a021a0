import duckdb
import pytest
from registered_versions import (
    make_decision,
    make_versions,
    score_and_promote,
)

from sql_ft.errors import ConfigError, TrackingError
from sql_ft.tracking import history as module
from sql_ft.tracking.history import FILE, query_history, refresh_history
from sql_ft.tracking.history_tables import TABLES
from sql_ft.tracking.lifecycle import roll_back
from sql_ft.tracking.promotion import record_decision
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store

EXPERIMENT = "history"


@pytest.fixture(scope="module")
def filled(store: Store) -> tuple[str, str, str]:
    """Two versions promoted one after the other, rolled back; in an experiment of its own."""
    name = "with-history"
    with start_run(store, EXPERIMENT, name="train", params={"train.lora_r": "8"}) as run:
        run.log_metrics({"candidate/execution_accuracy": 0.25}, step=1)
        run.log_metrics({"candidate/execution_accuracy": 0.5}, step=2)
        first, second = make_versions(store, run.run_id, name, 2)
        for version, before in ((first, None), (second, first)):
            score_and_promote(
                store,
                name,
                version,
                run.run_id,
                outcomes="cw",
                reason=f"version {version}",
                before=before,
            )
    roll_back(store, name, reason="slow", experiment=EXPERIMENT)
    return name, first, second


def ask(store: Store, sql: str) -> list[tuple[object, ...]]:
    return list(query_history(store, sql).rows)


def dump(store: Store) -> dict[str, list[tuple[object, ...]]]:
    return {t.name: sorted(ask(store, f"FROM {t.name}"), key=repr) for t in TABLES}


def test_what_the_registry_says_can_be_asked(store: Store, filled):
    name, first, second = filled
    done = refresh_history(store, name, EXPERIMENT, rebuild=True)
    assert (done.versions, done.runs, done.rebuilt) == (2, 2, "--rebuild")
    assert ask(store, "SELECT version, aliases, withdrawn FROM versions ORDER BY 1") == [
        (int(first), ["champion"], None),
        (int(second), ["previous"], "slow"),
    ]
    rows = ask(
        store,
        "SELECT version, action, promote, moved, champion_version, gain, reason "
        "FROM decisions ORDER BY decided_at, version",
    )
    assert rows == [
        (int(first), "gate", True, True, None, 0.12, f"version {first}"),
        (int(second), "gate", True, True, int(first), 0.12, f"version {second}"),
        (int(first), "rollback", True, True, int(second), None, "slow"),
        (int(second), "withdrawal", False, False, int(first), None, "slow"),
    ] or rows[2:] == [
        (int(second), "withdrawal", False, False, int(first), None, "slow"),
        (int(first), "rollback", True, True, int(second), None, "slow"),
    ]
    assert ask(
        store, "SELECT name, number, passed, detail FROM checks WHERE version = 1 ORDER BY position"
    ) == [("gain", 0.123456, True, "paired"), ("arm|odd", None, True, "")]
    assert ask(store, "SELECT r.name, m.value FROM metrics m JOIN runs r USING (run_id)") == [
        ("train", 0.5)
    ]
    assert ("train.lora_r", "8") in ask(store, "SELECT key, value FROM params")
    assert ask(store, "SELECT n_scored, execution_accuracy FROM scores") == [(2, 0.5), (2, 0.5)]
    assert ask(store, "SELECT DISTINCT status FROM runs") == [("FINISHED",)]


def test_deleting_it_loses_nothing_and_only_news_is_read(store: Store, filled):
    name, first, _ = filled
    refresh_history(store, name, EXPERIMENT)
    before = dump(store)
    again = refresh_history(store, name, EXPERIMENT)
    assert (again.rebuilt, again.versions) == ("", 0)
    assert dump(store) == before
    (store.state_dir / FILE).unlink()
    assert refresh_history(store, name, EXPERIMENT).rebuilt == "no cache yet"
    assert dump(store) == before

    with start_run(store, EXPERIMENT, name="later") as run:
        record_decision(store, name, first, make_decision(False, "no"), run_id=run.run_id)
        done = refresh_history(store, name, EXPERIMENT)
        assert done.versions == 1
        assert done.runs < 3, "a run that has finished is not read again"
        assert ask(store, "SELECT status FROM runs WHERE name = 'later'") == [("RUNNING",)]
    refresh_history(store, name, EXPERIMENT)
    assert ask(store, "SELECT status FROM runs WHERE name = 'later'") == [("FINISHED",)]
    incremental = dump(store)
    refresh_history(store, name, EXPERIMENT, rebuild=True)
    assert dump(store) == incremental


def test_a_version_that_is_gone_is_gone(store: Store, run_id: str):
    kept, gone = make_versions(store, run_id, "history-gone", 2)
    refresh_history(store, "history-gone", EXPERIMENT)
    store.client().delete_model_version("history-gone", gone)
    refresh_history(store, "history-gone", EXPERIMENT)
    assert ask(store, "SELECT version FROM versions") == [(int(kept),)]


def test_damaged_foreign_or_unknown_files_are_rebuilt(store: Store, filled):
    name, *_ = filled
    path = store.state_dir / FILE
    refresh_history(store, name, EXPERIMENT)
    path.write_bytes(b"nonsense" * 1000)
    assert "unreadable" in refresh_history(store, name, EXPERIMENT).rebuilt
    path.unlink()
    duckdb.connect(str(path)).close()
    assert "unreadable" in refresh_history(store, name, EXPERIMENT).rebuilt
    assert "another" in refresh_history(store, "another-model", EXPERIMENT).rebuilt
    assert ask(store, "FROM versions") == []
    assert refresh_history(store, name, "no-such-experiment", rebuild=True).runs == 0
    assert len(ask(store, "FROM versions")) == 2


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "no SQL"),
        ("SELECT nothing FROM nowhere", "nowhere"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELEC 1", "syntax"),
        ("DELETE FROM versions", "read-only"),
        ("COPY versions TO 'out.csv'", "disabled|not access"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled|not access"),
        ("SET enable_external_access = true", "locked|Cannot"),
    ],
)
def test_queries_are_read_only_and_errors_are_clear(store, filled, sql: str, words: str):
    refresh_history(store, filled[0], EXPERIMENT)
    before = dump(store)
    with pytest.raises(ConfigError, match=words) as caught:
        query_history(store, sql)
    assert caught.value.setting == "--sql"
    assert dump(store) == before


def test_a_file_that_another_program_holds(store, filled, monkeypatch):
    message = "IO Error: Could not set lock on file: Conflicting lock is held in duckdb (PID 7)"

    def refuse(*args, **kwargs):
        raise duckdb.IOException(message)

    refresh_history(store, filled[0], EXPERIMENT)
    with monkeypatch.context() as patch:
        patch.setattr(duckdb, "connect", refuse)
        with pytest.raises(TrackingError, match="open in another program"):
            refresh_history(store, filled[0], EXPERIMENT)
    assert (store.state_dir / FILE).exists()
    assert module.refresh_history(store, filled[0], EXPERIMENT).rebuilt == ""
