"""Do scores mean what they say: observed against predicted, in bins and in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml import bootstrap
from ml_assets.ml.results import CalibrationBin, Estimate

if TYPE_CHECKING:
    from ml_assets.ml.bootstrap import Resampling
    from ml_assets.ml.training_table import Bools, Floats

BINS = 15


def bins(label: Floats, score: Floats, sampling: Resampling) -> list[CalibrationBin]:
    """Return at most BINS bins, ascending; equal scores share a bin.

    Each holds about the same sum of p(1-p), so that its observed rate is known about as well as the
    others': of rare events bins of equal size would show the many rows where nothing happens.
    """
    ordered = np.sort(score)
    weight = np.cumsum(ordered * (1 - ordered))
    cuts = np.searchsorted(weight, weight[-1] * np.linspace(0, 1, BINS + 1)[1:-1])
    edges = np.unique(ordered[cuts])
    place = np.searchsorted(edges, score, side="left")
    return [_bin(label, score, place == i, sampling) for i in range(len(edges) + 1) if i in place]


def observed_expected(label: Floats, score: Floats, sampling: Resampling) -> Estimate:
    """Return sum of labels over sum of scores: above 1, the model promises too little."""
    return bootstrap.ratio(label, score, sampling)


def _bin(label: Floats, score: Floats, inside: Bools, sampling: Resampling) -> CalibrationBin:
    members = inside.astype(np.float64)
    observed = bootstrap.ratio(label * members, members, sampling)
    return CalibrationBin(float(score[inside].mean()), observed, int(members.sum()))
