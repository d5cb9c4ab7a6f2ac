"""The content of a defs.yaml: what one pipeline is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.dataclasses import dataclass

from ml_assets.ml.spec import EvaluationSpec, LabelSpec, ModelSpec
from ml_assets.sql.tables import STRICT, CleanedTable, FeatureTable, RawTable

Every = Literal["day", "week", "month"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PartitionSpec:
    """The time windows the pipeline's tables are cut into, local to its time zone."""

    every: Every
    start: str
    """Key of the first partition: 2013-01 for months, 2013-01-07 for days and weeks."""
    end: str | None = None
    """Key of the last partition of a closed history; open without it."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScheduleSpec:
    """When the pipeline refreshes, and whether that schedule is expected to run."""

    cron: str
    enabled: bool = False


class Declaration(BaseModel, frozen=True, extra="forbid"):
    """One ML problem: its tables, label, model and how they are kept fresh."""

    description: str
    time_zone: str
    partitions: PartitionSpec
    raw: dict[str, RawTable]
    cleaned: dict[str, CleanedTable]
    features: dict[str, FeatureTable]
    label: LabelSpec
    model: ModelSpec
    evaluation: EvaluationSpec = EvaluationSpec()
    schedule: ScheduleSpec | None = None
    owners: Annotated[tuple[str, ...], Field(description="E-mail or team:name")] = ()
