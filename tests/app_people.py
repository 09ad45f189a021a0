"""The page without a model or a browser."""

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
