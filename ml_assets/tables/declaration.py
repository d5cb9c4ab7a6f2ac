"""The content of a defs.yaml: what one pipeline is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.dataclasses import dataclass

from ml_assets.loop.policy import Policy
from ml_assets.ml.spec import EvaluationSpec, LabelSpec, ModelSpec
from ml_assets.monitors.spec import MonitoringSpec
from ml_assets.sql.tables import STRICT, CleanedTable, FeatureTable, RawTable

Every = Literal["day", "week", "month"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PartitionSpec:
    """The time windows the pipeline's tables are cut into, local to its time zone."""

    every: Every
    """The length of a partition."""
    start: str
    """Key of the first partition: 2013-01 for months, 2013-01-07 for days and weeks."""
    end: str | None = None
    """Key of the last partition of a closed history; open without it."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScheduleSpec:
    """When the pipeline refreshes, and whether that schedule is expected to run."""

    cron: str
    """Minute, hour, day, month and weekday in the pipeline's time zone, such as 0 5 2 * *."""
    enabled: bool = False
    """Whether it is expected to be on; a deviation is reported."""


class Declaration(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """One ML problem: its tables, label, model and how they are kept fresh."""

    description: str
    """The problem in a sentence."""
    time_zone: str
    """IANA time zone of days, partitions and local times, such as America/New_York."""
    partitions: PartitionSpec
    """The time windows that tables are cut into."""
    raw: dict[str, RawTable]
    """Tables as delivered: name to source and types."""
    cleaned: dict[str, CleanedTable]
    """Tables made by `cleaned/<table>.sql`: name to contract."""
    features: dict[str, FeatureTable]
    """Tables made by `features/<table>.sql`: name to features."""
    label: LabelSpec
    """What is to be predicted."""
    model: ModelSpec
    """How the model is trained."""
    evaluation: EvaluationSpec = EvaluationSpec()
    """What the report looks at."""
    monitoring: MonitoringSpec = MonitoringSpec()
    """When scores and features count as changed."""
    retraining: Policy = Policy()
    """When a new model is trained, and when it goes live."""
    schedule: ScheduleSpec | None = None
    """When tables, scores and monitors are refreshed; only by hand without it."""
    owners: Annotated[tuple[str, ...], Field(description="E-mail or team:name")] = ()
