"""Two servers asked over HTTP without their client libraries.

Importing prefect and mlflow takes longer than the answers; `sql-ft status` has two seconds.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from sql_ft.errors import StackError

_TIMEOUT_S = 5.0


def get_json(url: str, query: dict[str, str] | None = None) -> Any:
    """GET; None if the server says that there is no such thing.

    Raises:
        StackError: It does not answer, or with something else.
    """
    full = f"{url}?{urllib.parse.urlencode(query)}" if query else url
    return _ask(urllib.request.Request(full))


def post_json(url: str, body: dict[str, Any]) -> Any:
    """POST, for what both servers call a search.

    Raises:
        StackError: The server does not answer, or with something else.
    """
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode("utf-8"),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    return _ask(request)


def _ask(request: urllib.request.Request) -> Any:
    # A proxy from the environment must not be asked for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        text = error.read(300).decode("utf-8", "replace")
        raise StackError(f"{request.full_url} answered {error.code}: {text}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise StackError(
            f"no answer from {request.full_url}: {reason}", expected="`sql-ft up`"
        ) from error
