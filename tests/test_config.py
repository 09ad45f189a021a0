from pathlib import Path

import pytest

from sql_ft.config import RunConfig, load_config, parse_config
from sql_ft.errors import ConfigError


def test_defaults_are_valid_and_frozen() -> None:
    config = RunConfig()
    assert config.train.lora_r == 16
    with pytest.raises(Exception, match="frozen"):
        config.name = "other"  # type: ignore[misc]


def test_override_reaches_the_setting_and_numbers_without_a_dot_are_numbers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("train:\n  lora_r: 4\n", encoding="utf-8")
    config = load_config(path, ["train.lora_r=8", "train.learning_rate=2e-4"])
    assert config.train.lora_r == 8
    assert config.train.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("train.lora_rank=8", "train.lora_rank"),
        ("train.lora_r=0", "train.lora_r"),
        ("train.lora_r=many", "train.lora_r"),
        ("promotion.error_budget=0.9", "promotion.error_budget"),
        ("data.source=file", "data.path"),
        ("generation.batch_size=-3", "generation.batch_size"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_bad_setting_is_named(override: str, setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [override])
    assert setting in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"train": {"lora_r": 0, "typo": 1}, "extra": {}})
    for setting in ("train.lora_r", "train.typo", "extra"):
        assert setting in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text"])
def test_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="expected: a mapping"):
        load_config(path)


def test_malformed_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(tmp_path / "absent.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(path)


@pytest.mark.parametrize("override", ["train", "=3", "name.x=3"])
def test_malformed_override(override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(None, ["name=a", override])


def test_hash_ignores_where_things_are_kept_but_not_what_they_are() -> None:
    base = parse_config({})
    assert base.hash == parse_config({"state_dir": "elsewhere"}).hash
    assert base.hash != parse_config({"train": {"lora_r": 8}}).hash


def test_tracking_uri_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config({"tracking": {"tracking_uri": "http://configured"}})
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert config.resolved_tracking_uri == "http://configured"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment")
    assert config.resolved_tracking_uri == "http://environment"


@pytest.mark.parametrize("path", sorted(Path("deployments/configs").glob("*.yaml")), ids=str)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_config(path).name
