"""From scored rows to sufficient statistics per day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.ml import metrics, multiclass
from ml_assets.ml.training_table import MULTICLASS
from ml_assets.monitors.days import SCORE, Days, score_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_assets.ml.training_table import Floats, Ints
    from ml_assets.monitors.binning import Bins
    from ml_assets.monitors.days import Dates


def statistics(
    problem: str,
    dates: Dates,
    score: Floats,
    label: Floats,
    features: pa.Table,
    bins: Mapping[str, Bins],
    settled: np.datetime64 | None = None,
    classes: Sequence[str] = (),
) -> Days:
    """Return the statistics of rows given in any order; a label that is not known yet is NaN.

    With `classes`, labels are their numbers and `score` has a column for each.

    `bins` names the features to count, and SCORE. Of every row without a label one is awaited, but
    for days up to `settled`.
    """
    days, codes = np.unique(dates.astype("datetime64[D]"), return_inverse=True)
    count = len(days)
    known = ~np.isnan(label)
    own, answers = codes[known], answers_of(score, classes)
    p = answers[SCORE][known]
    # Of several classes: whether the one that is predicted is right.
    y = multiclass.hits(label, score)[known].astype(float) if classes else label[known]
    open_still = True if settled is None else days > settled

    def summed(values: Floats | None = None) -> Floats:
        return np.bincount(codes, values, count).astype(np.float64)

    def mature(values: Floats | None = None) -> Floats:
        return np.bincount(own, values, count).astype(np.float64)

    return Days(
        dates=days,
        rows=summed(),
        score=summed(answers[SCORE]),
        expected_loss=summed(_expected_loss(problem, score)),
        labelled=mature(),
        awaited=np.where(open_still, summed() - mature(), 0.0),
        labelled_label=mature(y),
        labelled_score=mature(p),
        labelled_variance=mature(p * (1 - p) if problem in metrics.PROBABILITIES else (y - p) ** 2),
        labelled_loss=mature(metrics.losses(problem, label[known], score[known])),
        histograms={
            name: _histogram(codes, count, own_bins, _values(name, answers, features))
            for name, own_bins in bins.items()
        },
        classes={
            name: np.column_stack([mature(x) for x in _of_class(label[known], score[known], k)])
            for k, name in enumerate(classes)
        },
    )


def answers_of(score: Floats, classes: Sequence[str]) -> dict[str, Floats]:
    """Return one answer per row by the name of its histogram: SCORE, and that of each class."""
    if not classes:
        return {SCORE: score}
    own = {score_of(name): score[:, k] for k, name in enumerate(classes)}
    return {**own, SCORE: score.max(axis=1)}


def _of_class(label: Floats, score: Floats, k: int) -> tuple[Floats, Floats, Floats]:
    """Return per row whether it was class `k`, its probability p, and p(1 - p)."""
    p = score[:, k]
    return (label == k).astype(np.float64), p, p * (1 - p)


def _expected_loss(problem: str, score: Floats) -> Floats:
    """Return the log loss a calibrated model expects of each answer; unknown for regression."""
    if problem == MULTICLASS:
        return multiclass.entropies(score)
    if problem != "binary":
        return np.full(len(score), np.nan)
    p = np.clip(score, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    entropy: Floats = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    return entropy


def _values(name: str, answers: Mapping[str, Floats], features: pa.Table) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(answers[name])]) if name in answers else features[name]


def _histogram(codes: Ints, days: int, bins: Bins, values: pa.ChunkedArray) -> Floats:
    cells = codes * bins.count + bins.codes(values)
    counts = np.bincount(cells, minlength=days * bins.count).astype(np.float64)
    return counts.reshape(days, bins.count)
