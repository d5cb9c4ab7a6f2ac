"""The difference of two models on the same rows, with bounds from whole days.

Losses of the same row differ little between models, and rows of one day share its fate, so the
difference is taken on the same rows and its error from whole days, each as like to its neighbours
as the days are found to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.loop.neighbours import inflation, usual_inflation
from ml_assets.loop.paired import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.ml.training_table import Floats, Ints

_SMALLEST = 1e-12
"""Stands for a sum of answers that is zero, which no ratio has below it."""


@dataclass(frozen=True)
class Paired:
    """The champion's mean minus the challenger's on the same rows: above zero, it is better."""

    difference: float
    error: float
    """Standard error from leaving out one cluster at a time; infinite below FEWEST_CLUSTERS."""
    lower: float
    """One-sided lower bound of the difference; minus infinity below FEWEST_CLUSTERS."""
    upper: float
    """One-sided upper bound of the difference; infinity below FEWEST_CLUSTERS."""
    rows: int
    clusters: int


def compare(
    loss_champion: Floats, loss_challenger: Floats, clusters: Ints, confidence: float
) -> Paired:
    """Compare two losses, one per row and the smaller the better; `clusters` numbers from 0.

    The error is the cluster jackknife's (CR3 in MacKinnon, Nielsen and Webb, Fast and reliable
    jackknife and bootstrap methods for cluster-robust inference, 2023), for clusters of one size
    exactly the ratio estimator's with the correction G / (G - 1), times the root of the inflation
    by what neighbouring days have in common over its usual value. The bounds take Student's t with
    G* - 1 degrees of freedom, where G* = (sum n)^2 / sum n^2 is G for clusters of one size: with
    G - 1, 14 clusters whose sizes vary by two thirds are wrong in .058 of cases instead of .05.
    """

    def gain(total: Floats) -> Floats:
        return np.asarray((total[..., 1] - total[..., 2]) / total[..., 0])

    return _jackknife(clusters, (loss_champion, loss_challenger), gain, confidence)


def compare_calibration(
    label: Floats, champion: Floats, challenger: Floats, clusters: Ints, confidence: float
) -> Paired:
    """Compare how far observed / expected is from 1: the champion's distance minus the other's."""

    def closer(total: Floats) -> Floats:
        distance = np.abs(total[..., 1:2] / np.maximum(total[..., 2:], _SMALLEST) - 1)
        return np.asarray(distance[..., 0] - distance[..., 1])

    return _jackknife(clusters, (label, champion, challenger), closer, confidence)


def _jackknife(
    clusters: Ints,
    values: tuple[Floats, ...],
    statistic: Callable[[Floats], Floats],
    confidence: float,
) -> Paired:
    """Return `statistic`, a function of rows and the sums of `values`, with its bounds."""
    days, sums = _sums(clusters, *values)
    total, count = sums.sum(axis=0), len(sums)
    value, rows = float(statistic(total)), int(total[0])
    if count < FEWEST_CLUSTERS:
        return Paired(value, np.inf, -np.inf, np.inf, rows, count)
    # scipy is slow to import.
    from scipy.special import stdtrit

    influence = value - statistic(total - sums)
    effective = float(total[0] ** 2 / (sums[:, 0] ** 2).sum())
    inflated = inflation(influence, days) / usual_inflation(effective)
    error = float(np.sqrt((count - 1) / count * (influence**2).sum() * inflated))
    wide = float(stdtrit(effective - 1, confidence)) * error
    return Paired(value, error, value - wide, value + wide, rows, count)


def _sums(clusters: Ints, *values: Floats) -> tuple[Ints, Floats]:
    """Return the clusters with rows, and rows and the sums of `values`: (clusters, 1 + values)."""
    lengths = {len(clusters), *(len(each) for each in values)}
    if len(lengths) > 1 or not len(clusters):
        raise DataError(
            f"Values of {' and '.join(f'{n:,}' for n in sorted(lengths))} rows are compared.",
            "Compare both models on the same rows, at least one.",
        )
    bad = sum(int((~np.isfinite(each)).sum()) for each in values)
    if bad:
        raise DataError(
            f"{bad:,} of {len(clusters):,} compared values are NaN or infinite.",
            "Find the rows: a model may not answer without a number.",
        )
    rows = np.bincount(clusters).astype(np.float64)
    sums = np.column_stack([rows, *(np.bincount(clusters, each) for each in values)])
    return np.flatnonzero(rows > 0), np.asarray(sums[rows > 0])
