"""Metrics from arrays: exact, ties counted as ties, and an error where a number is undefined."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml import multiclass
from ml_assets.ml.training_table import MULTICLASS, Bools, Floats, require_both_classes

Metric = Callable[[Floats, Floats], float]

PRIMARY = {"binary": "log_loss", "multiclass": "log_loss", "regression": "mae"}
RANKING = {"binary": "auc", "multiclass": "macro_auc"}
"""The metric that does not move with the base rate; a number has none."""
RANKS_ROWS = frozenset({"auc", "average_precision", "macro_auc"})
"""Metrics that compare rows of one class with those of others."""
PROBABILITIES = frozenset({"binary", "multiclass"})
"""Problems whose answers are probabilities, which say by themselves what loss to expect."""


def auc(label: Floats, score: Floats) -> float:
    """Return the chance that a random 1 scores above a random 0; a tie counts one half."""
    ranks = _average_ranks(score)
    ones = label == 1
    n_ones, n_zeros = int(ones.sum()), int((~ones).sum())
    return float((ranks[ones].sum() - n_ones * (n_ones + 1) / 2) / (n_ones * n_zeros))


def average_precision(label: Floats, score: Floats) -> float:
    """Return the precision at each distinct score, weighted by the recall it adds."""
    hits, rows = cumulative(label, score)
    return float((np.diff(hits, prepend=0) * hits / rows).sum() / hits[-1])


def log_loss(label: Floats, score: Floats) -> float:
    """Return the mean negative log likelihood in nats."""
    return float(log_losses(label, score).mean())


def brier(label: Floats, score: Floats) -> float:
    """Return the mean squared difference of probability and outcome."""
    return float(((score - label) ** 2).mean())


def mae(label: Floats, score: Floats) -> float:
    """Return the mean absolute error in the label's unit."""
    return float(np.abs(score - label).mean())


def rmse(label: Floats, score: Floats) -> float:
    """Return the root of the mean squared error in the label's unit."""
    return float(np.sqrt(((score - label) ** 2).mean()))


METRICS: Mapping[str, Mapping[str, Metric]] = {
    "binary": {
        "auc": auc,
        "average_precision": average_precision,
        "log_loss": log_loss,
        "brier": brier,
    },
    "multiclass": {
        "log_loss": multiclass.log_loss,
        "accuracy": multiclass.accuracy,
        "macro_auc": multiclass.macro_auc(auc),
        "macro_f1": multiclass.macro_f1,
    },
    "regression": {"mae": mae, "rmse": rmse},
}


def measure(problem: str, label: Floats, score: Floats) -> dict[str, float]:
    """Return every metric of `problem`; DataError when one is not defined on these rows."""
    require_scores(problem, label, score)
    return {name: metric(label, score) for name, metric in METRICS[problem].items()}


def measure_defined(problem: str, label: Floats, score: Floats) -> dict[str, float]:
    """Return the metrics that these rows define: where all are of one class, nothing is ranked."""
    if not of_one_class(problem, label):
        return measure(problem, label, score)
    _require_finite(label, score)
    _require_probabilities(score)
    return {
        name: metric(label, score)
        for name, metric in METRICS[problem].items()
        if name not in RANKS_ROWS
    }


def of_one_class(problem: str, label: Floats) -> bool:
    """Return whether rows of a problem that has classes are all of the same."""
    return problem in PROBABILITIES and len(np.unique(label)) < 2


def losses(problem: str, label: Floats, score: Floats) -> Floats:
    """Return each row's share in the primary metric, whose mean it is."""
    if problem == MULTICLASS:
        return multiclass.log_losses(label, score)
    return log_losses(label, score) if problem == "binary" else np.abs(score - label)


def squared_errors(problem: str, label: Floats, score: Floats) -> Floats:
    """Return each row's squared error, over all classes where there are several."""
    if problem == MULTICLASS:
        return multiclass.squared_errors(label, score)
    squared: Floats = (score - label) ** 2
    return squared


def log_losses(label: Floats, score: Floats) -> Floats:
    """Return each row's negative log likelihood; a certain error costs 36, not infinity."""
    right: Floats = np.where(label == 1, score, 1 - score)
    return np.asarray(-np.log(right.clip(multiclass.CLIP, 1.0)))


def cumulative(label: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Return the ones and the rows at or above each distinct score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    last: Bools = np.append(np.diff(score[order]) != 0, True)
    hits: Floats = np.cumsum(label[order])[last]
    rows: Floats = np.flatnonzero(last) + np.float64(1)
    return hits, rows


def require_scores(problem: str, label: Floats, score: Floats) -> None:
    """Raise DataError unless metrics are defined: finite scores, as many as labels, two classes."""
    _require_finite(label, score)
    if problem == "binary":
        require_both_classes(label, "the measured rows")
        _require_probabilities(score)
    if problem == MULTICLASS:
        _require_classes(label)
        _require_probabilities(score)


def _require_finite(label: Floats, score: Floats) -> None:
    if len(label) != len(score) or not len(label):
        raise DataError(
            f"There are {len(label):,} labels and {len(score):,} scores.",
            "Metrics need at least one row and one score per row.",
        )
    bad = int((~np.isfinite(score)).sum() + (~np.isfinite(label)).sum())
    if bad:
        raise DataError(
            f"{bad:,} of {len(score):,} labels and scores are NaN or infinite.",
            "Find the rows: a model may not answer without a number.",
        )


def _require_probabilities(score: Floats) -> None:
    if score.min() < 0 or score.max() > 1:
        raise DataError(
            f"Scores from {score.min():g} to {score.max():g} are no probabilities.",
            "A model of probabilities must answer between 0 and 1.",
        )


def _require_classes(label: Floats) -> None:
    if len(np.unique(label)) < 2:
        raise DataError(
            f"All {len(label):,} measured rows are of one class.", "Measure on a longer window."
        )


def _average_ranks(score: Floats) -> Floats:
    """Return ranks from 1; equal scores share the mean of their ranks."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks
