"""The one configuration model: a YAML file, `--set` overrides, or Prefect's form.

Frozen pydantic models with bounds; units are part of the names; unknown keys are
errors. Hyperparameters carry TRL's and PEFT's spelling.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from sql_ft.config_promotion import PromotionConfig
from sql_ft.config_retention import RetentionConfig
from sql_ft.config_section import Section
from sql_ft.config_sweep import SweepConfig
from sql_ft.config_train import TrainConfig
from sql_ft.errors import ConfigError
from sql_ft.records import content_hash

__all__ = [
    "DataConfig",
    "EvaluationConfig",
    "GenerationConfig",
    "ModelConfig",
    "PromotionConfig",
    "RetentionConfig",
    "RunConfig",
    "SweepConfig",
    "TrackingConfig",
    "TrainConfig",
    "load_config",
    "override_config",
    "parse_config",
]


class DataConfig(Section):
    """Where rows come from and how they are split.

    `sampling` fixes the order of the two steps. ``split_then_sample`` (default) first
    sets whole schema groups aside for evaluation, then draws `train_rows` from the
    rest. ``sample_then_split`` draws training rows exactly as
    ``dataset.shuffle(seed).select(range(train_rows))`` does, and evaluates only on
    groups that this sample never touched.
    """

    source: Literal["bundled", "hub", "file"] = Field(
        "bundled", description="bundled sample, a hub dataset, or a local file"
    )
    path: str | None = Field(
        None,
        description="json, jsonl, csv or parquet file, or a growing folder of them (source: "
        "file); .gz is read too",
    )
    hub_id: str = Field("b-mc2/sql-create-context", description="dataset on the hub")
    hub_revision: str = Field(
        "main", description="commit of the hub dataset; a branch is resolved and recorded"
    )
    question_column: str = "question"
    context_column: str = "context"
    answer_column: str = "answer"
    group_column: str = Field(
        "db_id", description="column that names the database, used where the data has it"
    )
    disjoint_columns: tuple[str, ...] = Field(
        (),
        description="further columns whose values never stand on both sides (e.g. template)",
    )
    sampling: Literal["split_then_sample", "sample_then_split"] = "split_then_sample"
    shuffle_seed: int = Field(42, ge=0, le=2**32 - 1)
    train_rows: int = Field(1000, ge=1, description="training rows to draw")
    eval_rows: int = Field(300, ge=1, description="evaluation rows to draw")
    eval_group_share: float = Field(
        0.2, gt=0.0, lt=1.0, description="share of schema groups held out for evaluation"
    )
    eval_value_share: float = Field(
        0.3,
        gt=0.0,
        lt=1.0,
        description="share of the values of each disjoint column held out for evaluation",
    )
    manifest_path: str | None = Field(
        None,
        description="file that remembers which group is on which side; "
        "default: one per dataset under state_dir",
    )
    renew_evaluation_after_groups: int = Field(
        0,
        ge=0,
        description="draw the evaluation questions anew once this many new schema groups wait "
        "on the evaluation side; 0: never",
    )
    max_length: int = Field(
        512, ge=32, le=131072, description="prompt + answer in tokens; longer rows are left out"
    )

    @model_validator(mode="after")
    def _path_goes_with_file(self) -> DataConfig:
        if self.source == "file" and not self.path:
            raise ValueError("data.path is required when data.source is 'file'")
        return self


class ModelConfig(Section):
    """The base model."""

    name_or_path: str = Field("bundled:tiny", description="hub id, local folder, or bundled:tiny")
    revision: str = Field("main", description="hub commit; recorded with every version")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    quantization: Literal["nf4", "none"] = Field("nf4", description="how the base is held")
    double_quantization: bool = Field(
        False, description="bitsandbytes' nested quantization of the scales"
    )
    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU that has it, else float32"
    )


class GenerationConfig(Section):
    """Greedy decoding."""

    max_new_tokens: int = Field(256, ge=1, le=8192)
    batch_size: int = Field(32, ge=1, le=4096)
    few_shot_examples: int = Field(
        3, ge=0, le=16, description="examples shown to the few-shot base arm; 0: no such arm"
    )
    decoder: Literal["padded", "packed", "vllm"] = Field(
        "padded",
        description="packed: fixed key-value slots and captured steps, on a GPU in 16 bits "
        "alone (elsewhere padded); quicker for many rows. vllm: extra `vllm`, evaluation alone",
    )
    one_row_kernels: bool = Field(
        False,
        description="packed: a prompt that comes alone is decoded with kernels of its own, "
        "twice as quick; in 16 bits it may be answered otherwise than among others",
    )


class EvaluationConfig(Section):
    """How gold and predicted SQL are executed and compared."""

    dialect: str = Field("sqlite", description="dialect of gold and predicted SQL (sqlglot name)")
    databases_per_sample: int = Field(
        4, ge=0, le=64, description="generated ones; 0 only where real databases exist"
    )
    nulls: Literal["observed", "declared"] = Field(
        "observed",
        description="beside a real database, generated NULLs only in columns where it has some "
        "(observed) or in all that its DDL lets be NULL (declared)",
    )
    database_seed: int = Field(0, ge=0, le=2**32 - 1)
    workers: int = Field(0, ge=0, le=256, description="sandbox processes; 0: one per core")
    query_timeout_s: float = Field(5.0, gt=0.0, le=600.0)
    memory_limit_mb: int = Field(1024, ge=512, le=65536, description="address space of a worker")
    max_result_rows: int = Field(10_000, ge=1, le=10_000_000)
    column_order: Literal["fixed", "free"] = Field(
        "free", description="free: predicted columns may stand in another order"
    )
    float_relative_tolerance: float = Field(1e-6, ge=0.0, le=0.1)
    distinct: Literal["strict", "official"] = Field(
        "strict",
        description="official: left out of gold and prediction, as Spider's evaluator does",
    )


class TrackingConfig(Section):
    """MLflow. `MLFLOW_TRACKING_URI` in the environment wins over `tracking_uri`."""

    tracking_uri: str | None = Field(
        None, description="default: a SQLite file and artifact folder under state_dir"
    )
    experiment: str = "sql-ft"
    registered_model_name: str = Field("sql-ft-tiny", pattern=r"^[A-Za-z0-9_-]{1,100}$")


class RunConfig(Section):
    """Everything one run needs: the parameter of the flow."""

    name: str = Field("tiny", pattern=r"^[A-Za-z0-9_.-]{1,60}$")
    state_dir: str = Field(
        "state", description="where runs, registry, caches and manifests are kept"
    )
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    generation: GenerationConfig = GenerationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    promotion: PromotionConfig = PromotionConfig()
    tracking: TrackingConfig = TrackingConfig()
    sweep: SweepConfig = SweepConfig()
    retention: RetentionConfig = RetentionConfig()

    @property
    def hash(self) -> str:
        """Content hash of the settings that can change a result of one run.

        Not `state_dir`, not what is pruned, and not what a sweep varies: a child is the run
        that its own settings say.
        """
        values = self.model_dump(mode="json", exclude={"state_dir", "sweep", "retention"})
        values["tracking"].pop("tracking_uri")
        return content_hash(values)

    @property
    def state_path(self) -> Path:
        """`state_dir` as an absolute path."""
        return Path(self.state_dir).expanduser().resolve()

    @property
    def resolved_tracking_uri(self) -> str:
        """The environment's MLflow, else the configured one, else a local SQLite file."""
        return (
            os.environ.get("MLFLOW_TRACKING_URI")
            or self.tracking.tracking_uri
            or f"sqlite:///{self.state_path / 'mlflow.db'}"
        )


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> RunConfig:
    """Read a YAML file and apply ``section.key=value`` overrides.

    Args:
        path: YAML file; None takes the defaults.
        overrides: e.g. ``train.lora_r=8``; values are parsed as YAML.

    Raises:
        ConfigError: Every problem at once: unknown keys, wrong types, out-of-range values.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"no configuration file at {path}", setting="--config") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"cannot read {path}: {error}", setting="--config") from error
        if loaded is not None and not isinstance(loaded, dict):
            raise ConfigError(f"{path} holds a {type(loaded).__name__}", expected="a mapping")
        values = loaded or {}
    for override in overrides:
        _apply_override(values, override)
    return parse_config(values)


def override_config(config: RunConfig, overrides: Iterable[str]) -> RunConfig:
    """Return `config` with ``section.key=value`` overrides, as `load_config` applies them.

    Raises:
        ConfigError: Every problem at once, each with the dotted setting name.
    """
    values = config.model_dump(mode="json")
    for override in overrides:
        _apply_override(values, override)
    return parse_config(values)


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Validate a nested mapping.

    Raises:
        ConfigError: All problems, one a line, each with the dotted setting name.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = []
        settings = []
        for item in error.errors():
            setting = ".".join(str(part) for part in item["loc"]) or "(top level)"
            settings.append(setting)
            got = "" if item["type"] == "missing" else f" (got {item.get('input')!r:.80})"
            text = "unknown setting" if item["type"] == "extra_forbidden" else item["msg"]
            problems.append(f"{setting}: {text}{got}")
        raise ConfigError("; ".join(problems), setting=", ".join(settings)) from None


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"override {override!r}", setting="--set", expected="section.key=value")
    node = values
    *parents, leaf = key.strip().split(".")
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{part} in {key} is not a section", setting="--set")
    try:
        node[leaf] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot parse {text!r}: {error}", setting=key) from error
    # YAML 1.1 reads 2e-4 (no dot) as text; every user means the number.
    if isinstance(node[leaf], str):
        with contextlib.suppress(ValueError):
            node[leaf] = float(node[leaf])
