"""What an evaluation found, as plain data that the report, MLflow and Dagster all read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval from resampling whole clusters (days)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Candidate:
    """One model's metrics on the test rows; `gain` is the paired loss difference to `name`."""

    name: str
    description: str
    metrics: dict[str, Estimate]
    gain: Estimate | None = None
    """Mean loss of this candidate minus the model's on the same rows: above zero the model wins."""
    differences: dict[str, Estimate] = field(default_factory=dict)
    """Each metric of this candidate minus the model's, on the same rows and resamples; declared
    ones on the same days left out."""


@dataclass(frozen=True)
class SliceResult:
    """Metrics of the model and of the best baseline on one part of the test rows."""

    dimension: str
    value: str
    rows: int
    positives: int | None
    metrics: dict[str, Estimate] | None
    """The model's by name, the best baseline's as `baseline_<name>` and the paired `gain`; declared
    ones where they have a value. None where support is too small to say anything."""


@dataclass(frozen=True)
class Curve:
    """Points of a curve, at most a few hundred."""

    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class CalibrationBin:
    """Mean predicted and observed value of one score bin, the observed with its interval."""

    predicted: float
    observed: Estimate
    rows: int


@dataclass(frozen=True)
class ClassResult:
    """How the model does on one class against all others."""

    name: str
    rows: int
    """Test rows that were of the class."""
    predicted: int
    """Test rows for which it is the most probable class."""
    right: int
    """Rows that are both."""
    known: bool
    """Whether the model saw the class in training; one it did not see has the probability 0."""
    auc: float | None
    """None where no row, or every row, was of the class."""
    observed_expected: Estimate | None
    """None for a class that is not known, of which nothing is expected."""
    calibration: list[CalibrationBin]

    @property
    def precision(self) -> float | None:
        """Share of the rows predicted that were of the class."""
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Share of the rows of the class that were predicted."""
        return self.right / self.rows if self.rows else None


@dataclass(frozen=True)
class Importance:
    """How far one feature moves the model's answers over a sample of test rows.

    For trees it is the mean absolute TreeSHAP value, for a baseline the mean absolute change of the
    answer where the feature is another row's.
    """

    feature: str
    mean_abs_shap: float
    share: float


@dataclass(frozen=True)
class MetricFacts:
    """What a reader must know of a metric that the pipeline declares."""

    meaning: str
    smaller_is_better: bool


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on the test window, which is touched once."""

    problem: str
    unit: str
    primary: str
    """The metric the model is judged by: log_loss or mae (the smaller the better)."""
    test_start: str
    test_end: str
    rows: int
    clusters: int
    positives: int | None
    candidates: list[Candidate]
    """The model first, then the baselines, worst first."""
    minimum_support: int
    """Rows that a partition or a slice needs to be measured."""
    minimum_days: int
    """Days that it needs."""
    by_partition: list[SliceResult]
    by_slice: list[SliceResult]
    importance: list[Importance]
    calibration: list[CalibrationBin]
    roc: dict[str, Curve] = field(default_factory=dict)
    precision_recall: dict[str, Curve] = field(default_factory=dict)
    declared: dict[str, MetricFacts] = field(default_factory=dict)
    """The pipeline's own metrics by name; every candidate has them."""
    classes: list[ClassResult] = field(default_factory=list)
    """The model on each class, sorted; none for yes or no and for a number."""
    confusion: list[list[int]] = field(default_factory=list)
    """Rows by class that happened and class predicted, both in the order of `classes`."""

    @property
    def unseen(self) -> list[ClassResult]:
        """Classes of the test rows that no training row was of."""
        return [each for each in self.classes if not each.known]
