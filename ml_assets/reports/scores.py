"""Names and directions of metrics, and which candidate is ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.ml.metrics import RANKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.results import Candidate, Estimate, Evaluation

BASELINE_PREFIX = "baseline_"
GAIN = "gain"
OBSERVED_EXPECTED = "observed_expected"


@dataclass(frozen=True)
class Metric:
    """A metric's name for readers, its direction and what it says in one sentence."""

    name: str
    smaller_is_better: bool | None
    meaning: str
    has_unit: bool = False
    proper: bool = False
    """The name keeps its capital inside a sentence."""


METRICS = {
    "auc": Metric(
        "AUC",
        smaller_is_better=False,
        meaning="Chance that a positive row scores above a negative one.",
        proper=True,
    ),
    "average_precision": Metric(
        "Average precision",
        smaller_is_better=False,
        meaning="Precision averaged over recall; the base rate without skill.",
    ),
    "log_loss": Metric(
        "Log loss", smaller_is_better=True, meaning="Penalty for confident errors; zero is perfect."
    ),
    "brier": Metric(
        "Brier score",
        smaller_is_better=True,
        meaning="Mean squared error of the probability.",
        proper=True,
    ),
    "observed_expected": Metric(
        "Calibration ratio",
        smaller_is_better=None,
        meaning="Observed over expected: above 1 it promises too little, below 1 too much.",
    ),
    "accuracy": Metric(
        "Accuracy",
        smaller_is_better=False,
        meaning="Share of rows whose most probable class is what happened.",
    ),
    "macro_auc": Metric(
        "Macro AUC",
        smaller_is_better=False,
        meaning="AUC of each class against all others, averaged over the classes.",
        proper=True,
    ),
    "macro_f1": Metric(
        "Macro F1",
        smaller_is_better=False,
        meaning="Harmonic mean of precision and recall, averaged over the classes.",
        proper=True,
    ),
    "mae": Metric(
        "Mean absolute error",
        smaller_is_better=True,
        meaning="Mean size of an error.",
        has_unit=True,
    ),
    "rmse": Metric(
        "Root mean squared error",
        smaller_is_better=True,
        meaning="Weighs large errors more.",
        has_unit=True,
    ),
    "r2": Metric(
        "R\u00b2", smaller_is_better=False, meaning="Share of the variance explained.", proper=True
    ),
    "gain": Metric(
        "Difference",
        smaller_is_better=None,
        meaning="Mean loss of the best baseline minus the model's.",
    ),
}


def metric(key: str, evaluation: Evaluation | None = None) -> Metric:
    """Return the metric called `key`, which `evaluation` may declare.

    An unknown one has no direction, so nothing can win on it.
    """
    facts = evaluation.declared.get(key) if evaluation else None
    name = key.replace("_", " ").capitalize()
    if facts is not None:
        return Metric(name, smaller_is_better=facts.smaller_is_better, meaning=facts.meaning)
    return METRICS.get(key, Metric(name, smaller_is_better=None, meaning=""))


def ahead(key: str, left: float, right: float, evaluation: Evaluation | None = None) -> bool | None:
    """Whether `left` is better than `right`; None for a tie or a metric without direction."""
    smaller = metric(key, evaluation).smaller_is_better
    return None if smaller is None or left == right else (left < right) == smaller


def best(
    key: str, candidates: Sequence[Candidate], evaluation: Evaluation | None = None
) -> Candidate | None:
    """Return the candidate with the best `key`, the first of equals; None if nobody can be."""
    smaller = metric(key, evaluation).smaller_is_better
    having = [candidate for candidate in candidates if key in candidate.metrics]
    if not having or smaller is None:
        return None
    sign = 1 if smaller else -1
    return min(having, key=lambda candidate: sign * candidate.metrics[key].value)


def best_baseline(evaluation: Evaluation) -> Candidate | None:
    """Return the baseline with the best primary metric."""
    return best(evaluation.primary, evaluation.candidates[1:])


def of_baseline(metrics: dict[str, Estimate], key: str) -> Estimate | None:
    """Return a slice's metric `key` of the best baseline, where it was measured."""
    return metrics.get(BASELINE_PREFIX + key)


def charted(evaluation: Evaluation) -> str:
    """Return the metric that compares parts of the data: AUC does not move with the base rate."""
    return RANKING.get(evaluation.problem, evaluation.primary)


def in_text(key: str) -> str:
    """Return the metric's name inside a sentence."""
    found = metric(key)
    return found.name if found.proper else found.name[0].lower() + found.name[1:]


def unit_suffix(evaluation: Evaluation, key: str) -> str:
    """Return the label's unit after a space, for metrics measured in it."""
    return f" {evaluation.unit}" if evaluation.unit and metric(key).has_unit else ""


def titled(evaluation: Evaluation, key: str) -> str:
    """Return the metric's name as a heading, followed by a comma and its unit where it has one."""
    unit = unit_suffix(evaluation, key)
    return f"{metric(key).name},{unit}" if unit else metric(key).name
