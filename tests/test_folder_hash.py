"""A folder's hash: what it covers, when it stands, who is told."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from sql_ft import folder_hash
from sql_ft.folder_hash import KNOWN_VARIABLE, hash_ahead, hash_folder, known_hashes

PATTERNS = ("*.json", "*.safetensors")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of a model and one that is none; nothing known, nothing handed over."""
    monkeypatch.setattr(folder_hash, "_known", {})
    monkeypatch.delenv(KNOWN_VARIABLE, raising=False)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(3_000_000))
    (tmp_path / "README.md").write_text("not part of it")
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were hashed."""
    seen: list[str] = []
    read = folder_hash._hash

    def count(files: list[Path]) -> str:
        seen.extend(file.name for file in files)
        return read(files)

    monkeypatch.setattr(folder_hash, "_hash", count)
    return seen


def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Become a process that this one started."""
    for name, value in known_hashes().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(folder_hash, "_known", {})


def test_names_sizes_and_bytes_are_covered(folder: Path) -> None:
    # Spelled out: registered versions carry these hashes.
    expected = hashlib.sha256(b"config.json\x002\x00{}")
    expected.update(b"model.safetensors\x003000000\x00" + bytes(3_000_000))
    assert hash_folder(folder, PATTERNS) == expected.hexdigest()


def test_a_change_of_same_size_and_time_is_seen(folder: Path) -> None:
    before = hash_folder(folder, PATTERNS)
    file = folder / "model.safetensors"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    with file.open("r+b") as stream:
        stream.write(b"x")
    os.utime(file, ns=times)
    assert file.stat().st_mtime_ns == times[1]
    assert hash_folder(folder, PATTERNS) != before


def test_two_threads_read_once(folder: Path, reads: list[str]) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(hash_folder(folder, PATTERNS)))
        for _ in range(4)
    ]
    for thread in [hash_ahead(folder, PATTERNS), *threads]:
        if not thread.ident:
            thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert reads == ["config.json", "model.safetensors"]


def test_a_started_process_does_not_read_again(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hash_folder(folder, PATTERNS)
    told(monkeypatch)
    reads.clear()
    assert hash_folder(folder, PATTERNS) == first
    assert reads == []


def test_what_changed_since_is_read_again(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hash_folder(folder, PATTERNS)
    told(monkeypatch)
    # Another file of the same name and size, as an exchanged base would be.
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"x" * 3_000_000)
    reads.clear()
    assert hash_folder(folder, PATTERNS) != first
    assert reads


@pytest.mark.parametrize("value", ["", "no JSON", "[1]", json.dumps({"other": "hash"})])
def test_a_strange_variable_is_no_hash(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    first = hash_folder(folder, PATTERNS)
    monkeypatch.setattr(folder_hash, "_known", {})
    monkeypatch.setenv(KNOWN_VARIABLE, value)
    assert hash_folder(folder, PATTERNS) == first


def test_ahead_of_a_folder_that_is_not_there(folder: Path) -> None:
    hash_ahead(folder / "gone", PATTERNS).join()
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("nowhere")
    hash_ahead(folder, PATTERNS).join()
    with pytest.raises(FileNotFoundError):
        hash_folder(folder, PATTERNS)
