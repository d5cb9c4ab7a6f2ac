"""From scored rows to sufficient statistics per day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml_assets.ml import metrics
from ml_assets.monitors.days import SCORE, Days

if TYPE_CHECKING:
    from collections.abc import Mapping

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
) -> Days:
    """Return the statistics of rows given in any order; a label that is not known yet is NaN.

    `bins` names the features to count, and SCORE. Of every row without a label one is awaited, but
    for days up to `settled`.
    """
    days, codes = np.unique(dates.astype("datetime64[D]"), return_inverse=True)
    count = len(days)
    known = ~np.isnan(label)
    own, y, p = codes[known], label[known], score[known]
    open_still = True if settled is None else days > settled

    def summed(values: Floats | None = None) -> Floats:
        return np.bincount(codes, values, count).astype(np.float64)

    def mature(values: Floats | None = None) -> Floats:
        return np.bincount(own, values, count).astype(np.float64)

    return Days(
        dates=days,
        rows=summed(),
        score=summed(score),
        expected_loss=summed(_expected_loss(problem, score)),
        labelled=mature(),
        awaited=np.where(open_still, summed() - mature(), 0.0),
        labelled_label=mature(y),
        labelled_score=mature(p),
        labelled_variance=mature(p * (1 - p) if problem == "binary" else (y - p) ** 2),
        labelled_loss=mature(metrics.losses(problem, y, p)),
        histograms={
            name: _histogram(codes, count, own_bins, _values(name, score, features))
            for name, own_bins in bins.items()
        },
    )


def _expected_loss(problem: str, score: Floats) -> Floats:
    """Return the log loss a calibrated model expects of each answer; unknown for regression."""
    if problem != "binary":
        return np.full(len(score), np.nan)
    p = np.clip(score, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    entropy: Floats = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    return entropy


def _values(name: str, score: Floats, features: pa.Table) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(score)]) if name == SCORE else features[name]


def _histogram(codes: Ints, days: int, bins: Bins, values: pa.ChunkedArray) -> Floats:
    cells = codes * bins.count + bins.codes(values)
    counts = np.bincount(cells, minlength=days * bins.count).astype(np.float64)
    return counts.reshape(days, bins.count)
