"""The lock of several hosts: a Prefect concurrency limit, or nothing moves."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError, TrackingError
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def locked(tmp_path) -> tuple[RunConfig, Store]:
    config = RunConfig.model_validate(
        {"state_dir": str(tmp_path), "promotion": {"lock": "prefect"}}
    )
    return config, Store(config.resolved_tracking_uri, config.state_path)


def client():
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def test_one_at_a_time_and_free_again() -> None:
    from tasks.registry_lock import prefect_lock

    inside, most, done = 0, 0, []

    def enter(number: int) -> None:
        nonlocal inside, most
        with prefect_lock("one-at-a-time"):
            inside += 1
            most = max(most, inside)
            done.append(number)
            inside -= 1

    threads = [threading.Thread(target=enter, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, sorted(done)) == (1, [0, 1, 2])
    with client() as api:
        limit = api.read_global_concurrency_limit_by_name("one-at-a-time")
    assert (limit.limit, limit.active, limit.active_slots) == (1, True, 0)


def test_an_error_inside_passes_and_frees_the_slot() -> None:
    from tasks.registry_lock import prefect_lock

    with pytest.raises(TimeoutError, match="of the store"), prefect_lock("error-inside"):
        raise TimeoutError("of the store")
    with prefect_lock("error-inside", timeout_s=5):
        pass


def test_held_by_another_for_too_long() -> None:
    from tasks.registry_lock import prefect_lock

    with (
        prefect_lock("held"),
        pytest.raises(TrackingError, match="not free within 1 s"),
        prefect_lock("held", timeout_s=1),
    ):
        pytest.fail("two hold one lock")


def test_a_limit_that_excludes_nobody_is_refused() -> None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    from tasks.registry_lock import prefect_lock

    for number, options in enumerate(({"limit": 2}, {"limit": 1, "active": False})):
        name = f"excludes-nobody-{number}"
        with client() as api:
            api.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, **options))
        with pytest.raises(TrackingError, match="excludes nobody"), prefect_lock(name):
            pytest.fail("entered")


def test_the_setting_decides(locked) -> None:
    from tasks.registry_lock import champion_lock

    config, store = locked
    with champion_lock(config, store), client() as api:
        name = "sql-ft-champion-sql-ft-tiny"
        assert api.read_global_concurrency_limit_by_name(name).active_slots == 1
    by_file = config.model_copy(
        update={"promotion": config.promotion.model_copy(update={"lock": "file"})}
    )
    with champion_lock(by_file, store):
        assert list((config.state_path / "locks").glob("champion-*.lock"))


def test_without_a_server_it_fails_closed(locked) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from tasks.registry_lock import champion_lock

    config, store = locked

    def enter() -> None:
        with champion_lock(config, store):
            pytest.fail("entered")

    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(ConfigError):
        enter()
    nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api"}
    with (
        temporary_settings(nowhere),
        pytest.raises(TrackingError, match="cannot be had") as caught,
    ):
        enter()
    assert "PREFECT_API_URL" in str(caught.value)


def test_candidate_and_champion_are_fetched_side_by_side(
    make_config: Callable[..., RunConfig], random_base, tmp_path
) -> None:
    """Both are needed at once; one folder for both let the second replace the first."""
    from lora_folder import make_lora_folder

    from sql_ft.tracking.registry import register_adapter, set_alias
    from sql_ft.training.adapter import hash_adapter
    from tasks.evaluate import fetch_adapter

    config = make_config()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name, hashes = config.tracking.registered_model_name, []
    with start_run(store, config.tracking.experiment, name="train") as run:
        for seed in (1, 2):
            adapter = make_lora_folder(tmp_path / f"adapter-{seed}", random_base, seed=seed)
            hashes.append(hash_adapter(adapter))
            made = register_adapter(store, run.run_id, adapter, name, config=config, verify=False)
    set_alias(store, name, "candidate", made.version)
    first = fetch_adapter.fn(config, "1")
    second = fetch_adapter.fn(config, "candidate")
    assert first is not None
    assert second is not None
    assert [hash_adapter(Path(fetched["path"])) for fetched in (first, second)] == hashes
    assert fetch_adapter.fn(config, "champion") is None
