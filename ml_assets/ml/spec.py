"""What a pipeline declares about its label, model and evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from ml_assets.sql.tables import STRICT

Parameter = float | int | str | bool
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LabelSpec:
    """Where the truth comes from; a row without one is left out of training and counted."""

    table: str
    """The cleaned table with the truth, `cleaned.<table>`; its `known_at` says when a model may
    learn it."""
    value: str
    """SQL expression over the table's columns: BOOLEAN for binary, text or a whole number
    for multiclass, a number for regression."""
    description: str
    """The question the model answers, in words."""
    unit: str = ""
    """Unit of a number that is predicted, such as min."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SplitSpec:
    """Trailing partitions that test and, before them inside training, that tune."""

    test: Positive
    """Newest partitions, on which the model is measured."""
    tune: Positive
    """Partitions before those, on which trials and candidates are compared."""
    walk_forward_from: str | None = None
    """First test partition of the walk-forward table; each later partition tests once."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TuningSpec:
    """The search: a number of trials, the first of which is `start`."""

    trials: Annotated[int, Field(ge=0)] = 10
    """Trials of the search; 0 takes `start`, or the defaults."""
    start: dict[str, Parameter] = Field(default_factory=dict)
    """Parameters of the first trial, such as the best ones recorded earlier."""
    walk_forward_trials: Annotated[int, Field(ge=0)] = 30
    """Trials per step of the walk-forward, which never begins at `start`: it may have been found
    on months that are tested there."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelSpec:
    """How the model is trained."""

    problem: Literal["binary", "multiclass", "regression"] = "binary"
    """What is predicted: yes or no, as a probability, one of several classes, as a probability of
    each, or a number."""
    split: SplitSpec
    """Which partitions train, tune and test."""
    tuning: TuningSpec = TuningSpec()
    """How the parameters are searched."""
    features: tuple[str, ...] | None = None
    """Feature columns to use; all columns of all feature tables but their keys when absent."""
    key_features: tuple[str, ...] = ()
    """Key columns that are features as well."""
    exclude: tuple[str, ...] = ()
    """Feature columns that the model does not see."""
    rate_baseline: tuple[str, ...] = ()
    """Feature columns whose group means make the simple baseline."""
    baselines: tuple[str, ...] = ()
    """Candidates that compete with LightGBM: `linear`, `rate`, or a file beside the YAML with the
    functions `fit` and `predict`, which of several classes answers with a probability of each.
    Whoever has the smallest loss on the tuning partitions is the model; the others stand beside it
    in the report."""
    minimum_rows: Positive = 1000
    """Rows below which training is refused."""
    seed: int = 0
    """Seed of everything that is drawn; the same seed gives the same model."""
    threads: Positive = 2
    """Threads LightGBM trains with; recorded, because they are part of the result."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricSpec:
    """A metric beyond the standard ones: a plain function beside the YAML."""

    function: str
    """`file.py:function`. Its arguments say what it is given, one value per row each: `label`,
    `score`, `day` (numbered from 0), and key or feature-table columns by their names. Of several
    classes `label` is a text, `score` has a column for each, and `classes` are their names in that
    order."""
    smaller_is_better: bool = False
    """Whether less is better, as for a loss."""

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.rpartition(":")[2]


def _expand(value: object) -> object:
    return {"function": value} if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluationSpec:
    """What the report looks at."""

    slices: tuple[str, ...] = ()
    """Feature columns by whose values the report looks at the rows apart."""
    metrics: tuple[
        Annotated[MetricSpec, BeforeValidator(_expand, json_schema_input_type=str | MetricSpec)],
        ...,
    ] = ()
    """The pipeline's own metrics, each `file.py:function` or with `smaller_is_better`."""
    minimum_support: Positive = 500
    """Rows below which a slice is only counted."""
    resamples: Positive = 1000
    """Resamplings of whole days behind every interval."""
