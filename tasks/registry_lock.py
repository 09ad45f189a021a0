"""The lock that every change of the registry holds: a file on one host, or Prefect's."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError, TrackingError
from sql_ft.tracking.promotion import champion_lock_name
from sql_ft.tracking.store import Store

logger = logging.getLogger(__name__)

_TIMEOUT_S = 300.0
_LEASE_S = 60.0
_SETTING = "promotion.lock"


def champion_lock(config: RunConfig, store: Store) -> AbstractContextManager[Any]:
    """The lock under which `champion` is read and moved, as ``promotion.lock`` says.

    Raises:
        ConfigError: ``promotion.lock: prefect`` without a Prefect server to share.
        TrackingError: On entering: it cannot be had. Nothing goes on without it.
    """
    return _lock(config, store, champion_lock_name(config.tracking.registered_model_name))


def registration_lock(config: RunConfig, store: Store) -> AbstractContextManager[Any]:
    """The lock under which an adapter is looked up and registered."""
    return _lock(config, store, f"register-{config.tracking.registered_model_name}")


def _lock(config: RunConfig, store: Store, name: str) -> AbstractContextManager[Any]:
    if config.promotion.lock == "prefect":
        return prefect_lock(f"sql-ft-{name}")
    if store.tracking_uri.startswith("http"):
        logger.debug("the registry is a server, the lock %s a file of this host", name)
    return store.lock(name)


@contextlib.contextmanager
def prefect_lock(name: str, timeout_s: float = _TIMEOUT_S) -> Iterator[None]:
    """Hold the one slot of a global concurrency limit of the Prefect server.

    The limit is created if there is none. The slot is a lease that a living holder renews:
    the slot of a process that was killed frees itself within about a minute.

    Raises:
        ConfigError: No Prefect server is configured; a temporary one is nobody else's.
        TrackingError: The server does not answer, the limit does not exclude others, or
            the slot is not free within `timeout_s`.
    """
    from httpx import HTTPError
    from prefect.concurrency.sync import concurrency
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise ConfigError(
            "promotion.lock is 'prefect', and no Prefect server is configured",
            setting="PREFECT_API_URL",
            expected="the server that all hosts share, or promotion.lock=file on one host",
        )
    with contextlib.ExitStack() as held:
        try:
            _ensure_exclusive(name)
            held.enter_context(
                concurrency(
                    name,
                    occupy=1,
                    timeout_seconds=timeout_s,
                    lease_duration=_LEASE_S,
                    strict=True,
                )
            )
        except TimeoutError as error:
            raise TrackingError(
                f"the Prefect concurrency limit {name!r} was not free within {timeout_s:.0f} s",
                setting=_SETTING,
                expected="fewer runs at once for one registered model",
            ) from error
        except (HTTPError, OSError, PrefectException) as error:
            raise TrackingError(
                f"the Prefect concurrency limit {name!r} cannot be had: {error}"[:600],
                setting=f"{_SETTING}, PREFECT_API_URL",
                expected="a Prefect server that answers",
            ) from error
        yield


def _ensure_exclusive(name: str) -> None:
    """Create the limit if it is absent; refuse one that would let two in."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with contextlib.suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=name, limit=1, active=True)
                )
            limit = client.read_global_concurrency_limit_by_name(name)
    if limit.limit != 1 or not limit.active or limit.slot_decay_per_second:
        raise TrackingError(
            f"the Prefect concurrency limit {name!r} excludes nobody: limit {limit.limit}, "
            f"{'active' if limit.active else 'inactive'}, "
            f"{limit.slot_decay_per_second:g} slots freed per second",
            setting=_SETTING,
            expected="limit 1, active, no slot decay; or delete it, and it is made again",
        )
