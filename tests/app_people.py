"""The page without a model or a browser."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sql_ft.serving.answers import Answer
from sql_ft.serving.app.handlers import Handlers
from sql_ft.serving.app.limits import PageLimits, UploadLimits
from sql_ft.serving.app.session import SampleDatabase, Sessions


class ScriptedAnswerer:
    """Answers with the query whose key stands in the question, else with a count."""

    prompt_room = 4096

    def __init__(self, label, queries):
        self.label = label
        self._queries = queries

    def predict(self, questions, *, n_best=1):
        answers = []
        for question in questions:
            text = question.question.lower()
            sql = next((q for key, q in self._queries.items() if key in text), "")
            sql = sql or "SELECT COUNT(*) FROM customer"
            answers.append(Answer(sql, sql, True, "stop", 10, 10, (sql,)))
        return answers

    def count_tokens(self, question):
        return len(question.question.split()) + len(question.context.split())


def make_handlers(root, path, answerers, limits=None, upload_limits=None):
    limits, upload_limits = limits or PageLimits(), upload_limits or UploadLimits()
    return Handlers(
        Sessions(root, limits, upload_limits),
        lambda: answerers,
        (SampleDatabase("shop", path, ("How many customers are there?",)),),
        limits,
        upload_limits,
    )


def children_of(pid):
    import psutil

    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


class RunningPage:
    """The page in a process of its own; a context manager that stops it as Ctrl-C does."""

    def __init__(self, database):
        driver = Path(__file__).with_name("app_driver.py")
        path = os.pathsep.join(str(p) for p in (driver.parent, driver.parents[1]))
        self.process = subprocess.Popen(
            [sys.executable, str(driver), str(database)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.folder = Path(self._line("folder"))
        self.url = self._line("page")

    def _line(self, name):
        line = self.process.stdout.readline()
        if not line.startswith(f"{name} "):
            self.process.kill()
            raise RuntimeError(f"{line}{self.process.communicate()[1]}")
        return line.split()[1]

    def stop(self):
        """Exit code, what it said last, what it complained of."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        said, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, said, complaints

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()
