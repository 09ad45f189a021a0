"""The registered model's own page: how to read what is on it."""

from __future__ import annotations

from sql_ft.tracking.store import Store, tracking_errors

# Nothing that an alias says better: this text would be stale the moment one moves.
DESCRIPTION = """\
LoRA adapters for text-to-SQL, one version per adapter.

- `champion` is what is served, `previous` what was served before it, `candidate` what was
  judged last.
- A version's page says why it was promoted, or why not, with every check and its report.
- `sql-ft versions` lists them, `sql-ft rollback` makes `previous` the champion again.
"""


def describe_model(store: Store, name: str) -> bool:
    """Give a registered model its description, unless somebody has written one.

    Args:
        store: From `prepare_store`.
        name: Registered model; it exists.

    Returns:
        True if the description was written.

    Raises:
        TrackingError: No such model, or the store does not answer.
    """
    client = store.client()
    with tracking_errors(f"cannot describe registered model {name!r}", store):
        if client.get_registered_model(name).description:
            return False
        client.update_registered_model(name, description=DESCRIPTION)
    return True
