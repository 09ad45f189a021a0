"""Layout of the page, and which control calls which handler."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from sql_ft.errors import SqlFtError
from sql_ft.serving.app.chart import Chart
from sql_ft.serving.app.handlers import UPLOADED, Handlers, View
from sql_ft.serving.app.uploads import SUFFIXES

TITLE = "Ask a database"
CSS = Path(__file__).parent / "templates" / "app.css"
THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="slate",
    radius_size="sm",
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(
    # The defaults are too pale to read: 2.6:1 and 2.5:1.
    body_text_color_subdued="*neutral_500",
    body_text_color_subdued_dark="*neutral_400",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
)
_WHO = {"champion": "Champion", "base": "Base", "both": "Both, side by side"}
_CACHE_EVERY_S, _CACHE_AGE_S = 600, 3600
# The browser makes the file: nothing is written on the server for it.
_SAVE_JS = """(text) => {
  if (!text) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "%s"}));
  link.download = "%s";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


def build_page(handlers: Handlers) -> gr.Blocks:
    """The page; nothing runs until it is served."""
    limits = handlers.limits
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(_CACHE_EVERY_S, _CACHE_AGE_S)
    ) as page:
        page.queue(max_size=limits.queue, default_concurrency_limit=limits.workers, api_open=False)
        with gr.Column(elem_id="sf-head"):
            gr.HTML(f"<h1>{TITLE}</h1>")
            models = gr.HTML(elem_id="sf-models")
        champion_notice = gr.HTML(elem_id="sf-champion")
        with gr.Row(elem_id="sf-body"):
            with gr.Column(scale=1, min_width=280, elem_id="sf-left"):
                database = gr.Dropdown(
                    handlers.sample_names, value=None, label="Database", elem_id="sf-database"
                )
                upload = gr.UploadButton(
                    "Upload a file",
                    file_types=list(SUFFIXES),
                    type="filepath",
                    size="md",
                    elem_id="sf-upload",
                )
                gr.HTML(
                    f"<p class='sf-quiet'>SQLite, CSV or Parquet, at most "
                    f"{handlers.upload_limits.max_mb} MB. Opened read-only, removed when you "
                    "leave.</p>"
                )
                schema = gr.HTML(elem_id="sf-schema")
            with gr.Column(scale=3, min_width=320, elem_id="sf-main"):
                question = gr.Textbox(
                    label="Question",
                    placeholder="Ask in plain English",
                    max_length=limits.question_chars,
                    lines=2,
                    max_lines=4,
                    elem_id="sf-question",
                )
                examples = gr.Dataset(
                    label="Try one of these",
                    components=[gr.Textbox(visible=False)],
                    samples=[],
                    type="values",
                    elem_id="sf-examples",
                )
                with gr.Row(elem_id="sf-ask-row"):
                    who = gr.Radio([], label="Answered by", elem_id="sf-who", scale=3)
                    ask_button = gr.Button("Ask", variant="primary", elem_id="sf-ask", scale=1)
                notice = gr.HTML(elem_id="sf-notice")
                with gr.Accordion("Steps", open=True, elem_id="sf-steps-box"):
                    steps = gr.HTML(elem_id="sf-steps")
                sql = gr.Code(
                    language="sql",
                    label="SQL, yours to edit",
                    interactive=True,
                    lines=3,
                    max_lines=14,
                    wrap_lines=True,
                    show_line_numbers=False,
                    buttons=["copy"],
                    elem_id="sf-sql",
                )
                with gr.Row(elem_id="sf-actions"):
                    run_button = gr.Button("Run SQL", size="md", min_width=96, elem_id="sf-run")
                    csv_button = gr.Button("Save CSV", size="md", min_width=96, elem_id="sf-csv")
                    sql_button = gr.Button("Save SQL", size="md", min_width=96, elem_id="sf-save")
                result = gr.HTML(elem_id="sf-result")
                bars = gr.BarPlot(visible=False, height=300, elem_id="sf-bars")
                line = gr.LinePlot(visible=False, height=300, elem_id="sf-line")
                comparison = gr.HTML(elem_id="sf-comparison")
                with gr.Accordion("History", open=False, elem_id="sf-history-box"):
                    history = gr.HTML(elem_id="sf-history")
        saved = gr.Textbox(visible="hidden", elem_id="sf-saved")

        parts = [
            notice, database, schema, examples, sql, steps, result, comparison, bars, line,
            history,
        ]  # fmt: skip
        updates = functools.partial(_updates, handlers)

        def on_load(request: gr.Request) -> list[Any]:
            answerers = handlers.models()
            choices = [(_WHO[choice], choice) for choice in answerers.choices]
            first = handlers.sample_names[0] if handlers.samples else ""
            view = handlers.choose(_key(request), first) if first else View()
            return [
                f"<p class='sf-quiet'>{html.escape(answerers.labels)}</p>",
                handlers.model_notice(),
                gr.Radio(choices=choices, value=answerers.choices[0]),
                *updates(view),
            ]

        def on_choose(name: str, request: gr.Request) -> list[Any]:
            if name == UPLOADED:  # Open already: the choice goes when another is made.
                return [gr.skip() for _ in parts]
            return updates(handlers.choose(_key(request), name))

        def on_upload(path: str, request: gr.Request) -> list[Any]:
            return updates(handlers.upload(_key(request), path))

        def on_ask(text: str, chosen: Any, request: gr.Request) -> Iterator[list[Any]]:
            for view in handlers.ask(_key(request), text, chosen or "champion"):
                yield updates(view)

        def on_run(text: str, request: gr.Request) -> list[Any]:
            return updates(handlers.run(_key(request), text or ""))

        def on_csv(request: gr.Request) -> str:
            return handlers.csv_of_last(_key(request))

        def on_save(request: gr.Request) -> str:
            return handlers.sql_of_session(_key(request))

        def on_leave(request: gr.Request) -> None:
            handlers.leave(_key(request))

        private: dict[str, Any] = {"api_visibility": "private"}
        work: dict[str, Any] = {"concurrency_limit": limits.workers, "concurrency_id": "work"}
        page.load(on_load, None, [models, champion_notice, who, *parts], **private, **work)
        page.unload(on_leave)
        database.input(on_choose, database, parts, **private, **work)
        upload.upload(on_upload, upload, parts, api_name="upload", **work)
        examples.click(lambda chosen: chosen[0], examples, question, **private, queue=False)
        gr.on(
            [ask_button.click, question.submit],
            on_ask,
            [question, who],
            parts,
            show_progress="minimal",
            show_progress_on=result,
            **private,
            **work,
        )
        run_button.click(on_run, sql, parts, show_progress_on=result, **private, **work)
        csv_button.click(on_csv, None, saved, **private, **work).then(
            None, saved, None, js=_SAVE_JS % ("text/csv", "result.csv"), **private
        )
        sql_button.click(on_save, None, saved, **private, **work).then(
            None, saved, None, js=_SAVE_JS % ("text/plain", "session.sql"), **private
        )
        _add_api(handlers, work)
    return page


def _add_api(handlers: Handlers, work: dict[str, Any]) -> None:
    """What programs may call; a session each client, as in the browser."""

    def ask(
        question: str, request: gr.Request, database: str = "", who: str = "champion"
    ) -> dict[str, Any]:
        """Ask one question; `database` is a sample's name, or empty for the open one."""
        try:
            return handlers.answer(_key(request), database, question, who)  # type: ignore[arg-type]
        except SqlFtError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def run(sql: str, request: gr.Request) -> dict[str, Any]:
        """Run one query on the open database."""
        try:
            return handlers.query(_key(request), sql)
        except SqlFtError as error:
            raise gr.Error(str(error), print_exception=False) from error

    gr.api(ask, api_name="ask", **work)
    gr.api(run, api_name="run", **work)


def _updates(handlers: Handlers, view: View) -> list[Any]:
    """Values for `parts`, in their order."""
    database = questions = bars = line = gr.skip()
    if view.database is not None:
        uploaded = [UPLOADED] if view.database == UPLOADED else []
        database = gr.Dropdown(
            choices=[*handlers.sample_names, *uploaded], value=view.database or None
        )
    if view.questions is not None:
        questions = gr.Dataset(
            samples=[[text] for text in view.questions], visible=bool(view.questions)
        )
    if view.result is not None:
        bars, line = _charts(view.chart)
    return [
        _or_keep(view.notice),
        database,
        _or_keep(view.schema),
        questions,
        *(_or_keep(text) for text in (view.sql, view.steps, view.result, view.comparison)),
        bars,
        line,
        _or_keep(view.history),
    ]


def _or_keep(text: str | None) -> Any:
    return gr.skip() if text is None else text


def _charts(chart: Chart | None) -> tuple[Any, Any]:
    hidden = gr.BarPlot(visible=False), gr.LinePlot(visible=False)
    if chart is None:
        return hidden
    import pandas as pd

    # Fixed field names: a plotting library reads dots and brackets in names as paths.
    table = pd.DataFrame({"label": list(chart.labels), "value": list(chart.values)})
    shared: dict[str, Any] = {
        "value": table,
        "x": "label",
        "y": "value",
        "x_title": chart.label_title,
        "y_title": chart.value_title,
        "caption": chart.note or None,
        "visible": True,
    }
    if chart.kind == "line":
        table["label"] = pd.to_datetime(table["label"])
        return hidden[0], gr.LinePlot(**shared)
    # Bars begin at zero, or their lengths would lie.
    limits = [min(0.0, *chart.values), max(0.0, *chart.values) or 1.0]
    return gr.BarPlot(**shared, sort=list(chart.labels), y_lim=limits), hidden[1]


def _key(request: gr.Request) -> str:
    return str(request.session_hash)
