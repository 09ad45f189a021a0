"""Serves the page with scripted models: python app_driver.py DATABASE [slow]."""

import sys
import time
from pathlib import Path

from app_people import ScriptedAnswerer, make_handlers

from sql_ft.serving.app.limits import UploadLimits
from sql_ft.serving.app.models import Answerers
from sql_ft.serving.app.server import private_folder, serve

QUERIES = {
    "cities": "SELECT city, COUNT(*) AS n FROM customer GROUP BY city ORDER BY city",
    "drop": "DROP TABLE customer",
    "columns": "SELECT id, name FROM evil",
}


class Unhurried(ScriptedAnswerer):
    """Takes its time, so that a person can watch."""

    def predict(self, questions, *, n_best=1):
        time.sleep(0.5)
        return super().predict(questions, n_best=n_best)


def main():
    answerers = Answerers(
        base=Unhurried("base model", {"cities": "SELECT name FROM customer"}),
        champion=Unhurried("model version 1 (champion)", QUERIES),
    )
    with private_folder() as folder:
        handlers = make_handlers(
            folder, Path(sys.argv[1]), answerers, upload_limits=UploadLimits(max_mb=2)
        )
        print(f"folder {folder}", flush=True)
        serve(handlers, folder, "127.0.0.1", 0, lambda at: print(f"page {at}", flush=True))
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
