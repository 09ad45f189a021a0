"""The agent's steps in MLflow: a trace a question, a span a step."""

from sql_ft.tracking.store import Store
from sql_ft.tracking.traces import MlflowTracer


def test_spans_are_stored_under_their_question(store: Store) -> None:
    tracer = MlflowTracer(store, "asked", tags={"sql_ft.model": "tiny"})
    ask = tracer.begin("ask", "AGENT", {"question": "How many?"})
    execute = tracer.begin("execute", "TOOL", {"sql": "SELECT x"}, ask)
    execute.finish({"rows": []}, failed="no such column: x")
    ask.finish({"sql": "SELECT 1"})
    tracer.flush()
    (trace,) = store.client().search_traces(locations=[store.experiment_id("asked")])
    spans = {span.name: span for span in trace.data.spans}
    assert spans["execute"].parent_id == spans["ask"].span_id
    assert spans["ask"].inputs == {"question": "How many?"}
    assert spans["execute"].status.status_code.name == "ERROR"
    assert spans["execute"].attributes["failed"] == "no such column: x"
    assert trace.info.tags["sql_ft.model"] == "tiny"


def test_a_store_that_fails_ends_no_answer(store: Store, caplog) -> None:
    tracer = MlflowTracer(store, "asked")
    span = tracer.begin("ask", "AGENT", {"question": "How many?"})

    class Broken:
        def end(self, **_: object) -> None:
            raise RuntimeError("disk full")

    whole, span.live = span.live, Broken()
    span.finish({})
    assert "could not be traced: disk full" in caplog.text
    span.live = whole
    span.finish({})
    tracer.flush()
