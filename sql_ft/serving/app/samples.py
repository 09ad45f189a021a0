"""The databases that come with the page, made when it starts."""

from __future__ import annotations

import json
from pathlib import Path

from sql_ft.assets.sample_databases.write import DATABASES, QUESTIONS_FILE, write_examples
from sql_ft.serving.app.session import SampleDatabase

_QUESTIONS_SHOWN = 4


def make_samples(folder: Path) -> tuple[SampleDatabase, ...]:
    """Write the example databases into a folder; each with questions to begin with."""
    target = folder / "samples"
    write_examples(target)
    lines = (target / QUESTIONS_FILE).read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    return tuple(
        SampleDatabase(
            Path(name).stem,
            target / name,
            tuple(q["question"] for q in questions if q["database"] == name)[:_QUESTIONS_SHOWN],
        )
        for name in DATABASES.values()
    )
