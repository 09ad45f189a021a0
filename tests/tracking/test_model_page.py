import pytest

from sql_ft.errors import TrackingError
from sql_ft.tracking.model_page import DESCRIPTION, describe_model
from sql_ft.tracking.store import Store


def test_a_description_is_written_once_and_never_over_anothers(store: Store):
    client = store.client()
    client.create_registered_model("described-here")
    assert describe_model(store, "described-here")
    assert client.get_registered_model("described-here").description == DESCRIPTION
    client.update_registered_model("described-here", description="ours")
    assert not describe_model(store, "described-here")
    assert client.get_registered_model("described-here").description == "ours"
    with pytest.raises(TrackingError, match="no-such-model"):
        describe_model(store, "no-such-model")
