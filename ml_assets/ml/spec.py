"""What a pipeline declares about its label, model and evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.sql.tables import STRICT

Parameter = float | int | str | bool
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LabelSpec:
    """Where the truth comes from; a row without one is left out of training and counted."""

    table: str
    value: str
    """SQL expression over the table's columns: BOOLEAN for binary, a number for regression."""
    description: str
    unit: str = ""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SplitSpec:
    """Trailing partitions that test and, before them inside training, that tune."""

    test: Positive
    tune: Positive
    walk_forward_from: str | None = None
    """First test partition of the walk-forward table; each later partition tests once."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TuningSpec:
    """The search: a number of trials, the first of which is `start`."""

    trials: Annotated[int, Field(ge=0)] = 10
    start: dict[str, Parameter] = Field(default_factory=dict)
    """Parameters of the first trial, such as the best ones recorded earlier."""
    walk_forward_trials: Annotated[int, Field(ge=0)] = 30
    """Trials per step of the walk-forward, which never begins at `start`: it may have been found
    on months that are tested there."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelSpec:
    """How the model is trained."""

    problem: Literal["binary", "regression"] = "binary"
    split: SplitSpec
    tuning: TuningSpec = TuningSpec()
    features: tuple[str, ...] | None = None
    """Feature columns to use; all columns of all feature tables but their keys when absent."""
    key_features: tuple[str, ...] = ()
    """Key columns that are features as well."""
    exclude: tuple[str, ...] = ()
    rate_baseline: tuple[str, ...] = ()
    """Feature columns whose group means make the simple baseline."""
    minimum_rows: Positive = 1000
    seed: int = 0
    threads: Positive = 2


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluationSpec:
    """What the report looks at."""

    slices: tuple[str, ...] = ()
    minimum_support: Positive = 500
    resamples: Positive = 1000
