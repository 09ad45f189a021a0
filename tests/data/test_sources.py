"""Sources: what is loaded, what identifies it, and what is refused."""

import json
import subprocess
import sys
import types

import pytest

from sql_ft.config import DataConfig
from sql_ft.data.fingerprint import source_fingerprint
from sql_ft.data.sources import digest_rows, load_rows
from sql_ft.errors import DataError

ROW = {"question": "q", "context": "CREATE TABLE t (x INTEGER)", "answer": "SELECT x FROM t"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def file_config(tmp_path, rows, **settings):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return DataConfig(source="file", path=str(path), **settings)


def test_file_rows_digest_and_origin(tmp_path):
    loaded = load_rows(file_config(tmp_path, [ROW, {**ROW, "question": "p"}]))
    assert [row["question"] for row in loaded.rows] == ["q", "p"]
    assert loaded.origin == "file:rows.jsonl"
    assert loaded.digest.startswith(loaded.revision)
    assert len(loaded.revision) == 16


def test_digest_depends_on_content_and_order_only():
    other = {**ROW, "question": "p"}
    assert digest_rows([ROW]) == digest_rows([dict(reversed(ROW.items()))])
    assert digest_rows([ROW, other]) != digest_rows([other, ROW])
    assert digest_rows([ROW]) != digest_rows([{**ROW, "answer": "SELECT x FROM t;"}])


@pytest.mark.parametrize(
    ("change", "settings", "message", "setting"),
    [
        ({"answer": None}, {}, "row 2, column 'answer' is null", "data.answer_column"),
        ({"question": 3}, {}, "row 2, column 'question' is of type int: 3", "data.question_column"),
        ({"context": ["x"]}, {}, "row 2, column 'context' is of type list", "data.context_column"),
        ({"question": "\ud800"}, {}, "row 2, .* lone surrogate", "data.question_column"),
        (
            {},
            {"question_column": "ask"},
            "no column 'ask'; it has .*'question'",
            "data.question_column",
        ),
        ({}, {"disjoint_columns": ("kind",)}, "no column 'kind'", "data.disjoint_columns"),
        ({"db_id": "d"}, {}, "row 1 has no 'db_id'", "data.group_column"),
        ({"k": " "}, {"group_column": "k"}, "row 1 has no 'k'", "data.group_column"),
    ],
)
def test_bad_rows_name_row_and_setting(tmp_path, change, settings, message, setting):
    with pytest.raises(DataError, match=message) as caught:
        load_rows(file_config(tmp_path, [ROW, {**ROW, **change}], **settings))
    assert setting in caught.value.setting


@pytest.mark.parametrize(
    ("value", "problem"), [(None, "is null"), ("", "is empty"), (1.5, "float")]
)
def test_group_column_needs_names(tmp_path, value, problem):
    rows = [{**ROW, "db_id": "a"}, {**ROW, "db_id": value}]
    with pytest.raises(DataError, match=f"row 2, column 'db_id' .*{problem}"):
        load_rows(file_config(tmp_path, rows))


def test_numbers_may_name_groups(tmp_path):
    assert load_rows(file_config(tmp_path, [{**ROW, "db_id": 7}])).rows[0]["db_id"] == 7


def test_row_without_a_column(tmp_path):
    short = {key: value for key, value in ROW.items() if key != "answer"}
    with pytest.raises(DataError, match="row 2 has no 'answer'"):
        load_rows(file_config(tmp_path, [ROW, short]))


def test_bundled_sample_is_deterministic():
    first, second = load_rows(DataConfig()), load_rows(DataConfig())
    assert first.digest == second.digest
    assert first.origin == "bundled"
    assert {"question", "context", "answer", "db_id"} <= set(first.rows[0])


class FakeDataset:
    def __init__(self, rows, checksums=None):
        self.rows = rows
        self.info = types.SimpleNamespace(download_checksums=checksums)

    def to_list(self):
        return self.rows


@pytest.fixture
def hub(monkeypatch):
    """A hub whose answers a test sets."""
    import datasets
    import huggingface_hub

    state = types.SimpleNamespace(commit=COMMIT, dataset=FakeDataset([ROW]), asked=[])

    def load_dataset(hub_id, *, revision, split):
        state.asked.append((hub_id, revision, split))
        if isinstance(state.dataset, Exception):
            raise state.dataset
        return state.dataset

    def dataset_info(self, hub_id, *, revision, timeout):
        if isinstance(state.commit, Exception):
            raise state.commit
        return types.SimpleNamespace(sha=state.commit)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    return state


def test_hub_branch_is_resolved_before_loading(hub):
    loaded = load_rows(DataConfig(source="hub", hub_id="a/b"))
    assert hub.asked == [("a/b", COMMIT, "train")]
    assert (loaded.origin, loaded.revision) == ("hub:a/b", COMMIT)


def test_hub_commit_is_not_asked_for(hub):
    hub.commit = AssertionError("the hub was asked to resolve a commit")
    assert load_rows(DataConfig(source="hub", hub_revision=COMMIT)).revision == COMMIT


def test_offline_hub_uses_the_cache_and_its_commit(hub):
    hub.commit = ConnectionError("offline")
    hub.dataset = FakeDataset([ROW], {f"hf://datasets/a/b@{COMMIT}/rows.json": {}})
    assert load_rows(DataConfig(source="hub", hub_id="a/b")).revision == COMMIT


def test_cached_dataset_of_unknown_commit_says_so(hub, caplog):
    hub.commit = ConnectionError("offline")
    assert load_rows(DataConfig(source="hub", hub_id="a/b")).revision == "main"
    assert "could not be resolved" in caplog.text


@pytest.mark.parametrize("error", [ConnectionError("Couldn't reach it"), ValueError("no split")])
def test_unreachable_hub_names_the_settings_and_the_way_out(hub, error):
    hub.commit, hub.dataset = ConnectionError("offline"), error
    with pytest.raises(DataError, match=str(error)) as caught:
        load_rows(DataConfig(source="hub", hub_id="a/b"))
    assert "data.source" in caught.value.setting
    assert "data.hub_id" in caught.value.setting
    assert "bundled" in caught.value.expected


def test_empty_hub_dataset(hub):
    hub.dataset = FakeDataset([])
    with pytest.raises(DataError, match="holds no rows"):
        load_rows(DataConfig(source="hub"))


def test_really_offline(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="cannot load nobody/such-dataset"):
        load_rows(DataConfig(source="hub", hub_id="nobody/such-dataset"))


def test_fingerprints(tmp_path):
    config = file_config(tmp_path, [ROW])
    before = source_fingerprint(config)
    assert before == source_fingerprint(config)
    file_config(tmp_path, [ROW, ROW])
    assert source_fingerprint(config) != before
    assert source_fingerprint(DataConfig(source="hub")) is None
    assert COMMIT in source_fingerprint(DataConfig(source="hub", hub_revision=COMMIT))
    assert source_fingerprint(DataConfig()).startswith("bundled:")
    with pytest.raises(DataError, match="no file"):
        source_fingerprint(DataConfig(source="file", path=str(tmp_path / "no.csv")))


def test_import_is_light():
    heavy = "torch transformers datasets mlflow prefect pandas"
    code = (
        "import sys, sql_ft.data.prepare, sql_ft.data.fingerprint\n"
        f"print([m for m in {heavy!r}.split() if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
