"""`sql-ft app`: the web page."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Annotated

import typer

from flows.options import ConfigOption, SetOption, VerboseOption
from sql_ft.config import load_config
from sql_ft.errors import ConfigError


def app_page(
    config: ConfigOption = None,
    set_: SetOption = None,
    host: Annotated[
        str,
        typer.Option(envvar="SQL_FT_APP_HOST", help="Interface; the page asks for no password."),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, envvar="SQL_FT_APP_PORT", help="0: any free port."),
    ] = 7860,
    verbose: VerboseOption = False,
) -> None:
    """Open a page on which to ask the champion, or the base, about a database."""
    from flows.logging_setup import configure_process

    settings = load_config(config, set_ or ())
    configure_process(verbose)
    if importlib.util.find_spec("gradio") is None:
        raise ConfigError(
            "the page needs Gradio, which is not installed",
            expected="pip install -c constraints.txt 'sql-ft[train,flow,app]'",
        )
    from sql_ft.serving.app.handlers import Handlers
    from sql_ft.serving.app.limits import PageLimits, UploadLimits
    from sql_ft.serving.app.models import NO_CHAMPION, Models
    from sql_ft.serving.app.samples import make_samples
    from sql_ft.serving.app.server import private_folder, serve
    from sql_ft.serving.app.session import Sessions

    limits, upload_limits = PageLimits(), UploadLimits()
    with private_folder() as folder:
        print("loading the model", flush=True)
        models = Models(settings)
        now = models.now()
        print(f"model     {now.labels}")
        if now.champion is None:
            print(f"          {NO_CHAMPION}")
        with contextlib.closing(models):
            handlers = Handlers(
                Sessions(folder, limits, upload_limits),
                models.now,
                make_samples(folder),
                limits,
                upload_limits,
            )
            serve(
                handlers,
                folder,
                host,
                port,
                lambda address: print(f"page      {address}\nCtrl-C stops it", flush=True),
            )
        print("stopped", flush=True)
