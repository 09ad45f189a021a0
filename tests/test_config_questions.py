"""Parameters of the flow `evaluate`, as Prefect's form and the command check them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sql_ft.config_questions import AgentConfig, BenchmarkConfig, FreshConfig
from sql_ft.standalone.questions import LAYOUTS


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "exactly one of"),
        ({"path": "a", "hub_id": "b"}, "exactly one of"),
        ({"hub_id": "b", "layout": "spider"}, "needs benchmark.layout: sql-create-context"),
        ({"path": "a", "layout": "wiki"}, "sql-create-context"),
        ({"path": "a", "rows": 0}, "greater than or equal to 1"),
        ({"path": "a", "n": 1}, "Extra inputs"),
    ],
)
def test_a_benchmark_names_one_place_in_a_known_layout(values, said):
    with pytest.raises(ValidationError, match=said):
        BenchmarkConfig(**values)


def test_every_layout_that_can_be_read_can_be_asked_for():
    for layout in LAYOUTS:
        assert BenchmarkConfig(path="a", layout=layout).rows is None


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (FreshConfig, {"confidence": 0.4}),
        (FreshConfig, {"rows": 0}),
        (AgentConfig, {"attempts": 9}),
        (AgentConfig, {"repair": "hope"}),
    ],
)
def test_bounds(model, values):
    with pytest.raises(ValidationError):
        model(**values)


def test_the_form_of_the_flow_has_descriptions():
    from prefect.utilities.callables import parameter_schema

    from flows.evaluate import evaluate

    schema = parameter_schema(evaluate.fn).model_dump()
    assert {"config", "overrides", "versions", "benchmark", "fresh", "agent", "with_base"} == set(
        schema["properties"]
    )
    for name in ("BenchmarkConfig", "FreshConfig", "AgentConfig"):
        for field in schema["definitions"][name]["properties"].values():
            assert field["description"]
