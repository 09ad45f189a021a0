"""Entry point of a hosted Space: the page on the port that the host expects."""

import os
import sys

from flows.cli import main

os.environ.setdefault("SQL_FT_APP_HOST", "0.0.0.0")
os.environ.setdefault("SQL_FT_APP_PORT", "7860")
sys.argv = [
    "sql-ft",
    "app",
    "--config",
    os.environ.get("SQL_FT_CONFIG", "deployments/configs/tiny.yaml"),
]
main()
