"""What a report shows besides the evaluation: the question, the data, the model, its origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Parameter = float | int | str | bool


@dataclass(frozen=True, kw_only=True)
class Window:
    """Consecutive partitions with one use; `start` and `end` bound them, the end excluded."""

    role: Literal["train", "tune", "test"]
    partitions: tuple[str, ...]
    start: str
    end: str


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One registered model version and how it was trained."""

    name: str
    version: str
    alias: str | None
    """`champion` or `challenger` when the report was written; None for an unnamed version."""
    windows: tuple[Window, ...]
    training_rows: int
    left_out: Mapping[str, int]
    """Reason to rows that could not train, such as no label, label not mature, purged."""
    parameters: Mapping[str, Parameter]
    rounds: int
    """Trees; 0 for a baseline in the model's place."""
    model_hash: str
    losses: Mapping[str, float] = field(default_factory=dict)
    """Candidate to mean loss on the tuning window, by which the model was chosen."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a model version came from, enough to find and to rebuild it."""

    snapshot_id: int
    mlflow_run_id: str
    dagster_run_id: str
    code_version: str
    built_at: datetime
    """With its time zone."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Library to version."""


@dataclass(frozen=True, kw_only=True)
class TableAccounting:
    """What became of every key of a cleaned table's driving raw table."""

    table: str
    driving: str
    rows_in: int
    kept: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Reason to rows."""
    duplicates: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Declared rule to rows."""

    @property
    def unaccounted(self) -> int:
        """Keys in none of the four groups; anything but zero is a fault."""
        known = self.kept + self.duplicates
        known += sum(self.rejected.values()) + sum(self.excluded.values())
        return self.rows_in - known


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """A stored table and the moment at which its rows are known; static when it has none."""

    table: str
    rows: int
    known_at: str | None = None
    """`known_at` of a cleaned table, `prediction_time` of a feature table."""

    @property
    def static(self) -> bool:
        """Whether the table is taken as always known, so that no time check covers it."""
        return self.known_at is None


@dataclass(frozen=True, kw_only=True)
class TimeTravel:
    """The verdict of one feature table's time-travel check."""

    table: str
    passed: bool
    cutoffs: int
    rows: int
    """Rows compared, over all cutoffs."""
    leaking: tuple[str, ...] = ()
    """Columns that changed when the future was hidden."""


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """Everything besides the evaluation that a report shows."""

    pipeline: str
    description: str
    question: str
    """The label in words."""
    prediction_time: str
    """When the question is asked, in words or as the declared expression."""
    time_zone: str
    model: ModelFacts
    provenance: Provenance
    accounting: tuple[TableAccounting, ...] = ()
    tables: tuple[TableFacts, ...] = ()
    time_travel: tuple[TimeTravel, ...] = ()
