"""Intervals from resampling whole clusters (days): rows within a day are not independent.

Losses are resampled exactly. AUC and average precision are resampled on scores grouped into at most
BINS bins, and the interval is shifted so that it stands around the exact value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.ml import metrics, multiclass
from ml_assets.ml.results import Estimate
from ml_assets.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_assets.ml.training_table import Floats, Ints

BINS = 1000
_TAIL = 0.025


@dataclass(frozen=True)
class Resampling:
    """Which cluster every row is in, and how often each resample draws each cluster."""

    clusters: Ints
    """Cluster number per row, dense from 0."""
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        if self.count < 2:
            raise DataError(
                f"{len(self.clusters):,} rows of {counted(self.count, 'day')} give no interval.",
                "Measure on a window of at least two days.",
            )

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0

    @cached_property
    def draws(self) -> Floats:
        """Times each cluster is drawn, of shape (resamples, clusters)."""
        rng = np.random.default_rng(self.seed)
        even = np.full(self.count, 1 / self.count)
        return rng.multinomial(self.count, even, size=self.resamples).astype(np.float64)

    @cached_property
    def rows(self) -> Floats:
        """Number of rows in each resample."""
        return self.draws @ np.bincount(self.clusters, minlength=self.count)

    def mean(self, values: Floats) -> Floats:
        """Return the mean of `values`, one per row, in each resample."""
        return (self.draws @ np.bincount(self.clusters, values, self.count)) / self.rows


def estimate(
    problem: str, label: Floats, score: Floats, sampling: Resampling
) -> dict[str, Estimate]:
    """Return every metric of `problem` with its 95 % interval."""
    return {
        name: interval(exact, sampled)
        for name, (exact, sampled) in measured(problem, label, score, sampling).items()
    }


def measured(
    problem: str, label: Floats, score: Floats, sampling: Resampling
) -> dict[str, tuple[float, Floats]]:
    """Return every metric of `problem`, exactly and in each resample."""
    exact = metrics.measure(problem, label, score)
    sampled = _SAMPLED[problem](label, score, sampling)
    return {name: (exact[name], sampled[name]) for name in exact}


def differences(
    first: Mapping[str, tuple[float, Floats]], second: Mapping[str, tuple[float, Floats]]
) -> dict[str, Estimate]:
    """Return each metric of `first` minus that of `second`, both `measured` on the same rows."""
    return {
        name: interval(exact - second[name][0], sampled - second[name][1])
        for name, (exact, sampled) in first.items()
    }


def mean(values: Floats, sampling: Resampling) -> Estimate:
    """Return the mean of `values`, one per row, with its 95 % interval.

    The paired difference of two models is the mean of the difference of their losses.
    """
    return interval(float(values.mean()), sampling.mean(values))


def ratio(above: Floats, below: Floats, sampling: Resampling) -> Estimate:
    """Return sum(above) / sum(below) with its 95 % interval; `below` is nowhere negative."""
    over, under = sampling.mean(above), sampling.mean(below)
    sampled = np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)
    return interval(float(above.sum() / below.sum()), sampled)


def interval(value: float, sampled: Floats) -> Estimate:
    """Return `value` with the percentiles of `sampled`, resamples without a value left out."""
    low, high = np.nanquantile(sampled, [_TAIL, 1 - _TAIL])
    return Estimate(value, float(low), float(high))


def _regression(label: Floats, score: Floats, sampling: Resampling) -> dict[str, Floats]:
    error = score - label
    return {"mae": sampling.mean(np.abs(error)), "rmse": np.sqrt(sampling.mean(error**2))}


def _binary(label: Floats, score: Floats, sampling: Resampling) -> dict[str, Floats]:
    ones, zeros = _binned(label, score, sampling)
    whole = _ranked(ones.sum(axis=0, keepdims=True), zeros.sum(axis=0, keepdims=True))
    sampled = _ranked(sampling.draws @ ones, sampling.draws @ zeros)
    exact = {"auc": metrics.auc(label, score)}
    exact["average_precision"] = metrics.average_precision(label, score)
    shifted = {name: sampled[name] + (exact[name] - whole[name]) for name in sampled}
    return shifted | {
        "log_loss": sampling.mean(metrics.log_losses(label, score)),
        "brier": sampling.mean((score - label) ** 2),
    }


def _multiclass(label: Floats, score: Floats, sampling: Resampling) -> dict[str, Floats]:
    """Resample; macro means are over the classes that happened in the resample."""
    return {
        "log_loss": sampling.mean(multiclass.log_losses(label, score)),
        "accuracy": sampling.mean(multiclass.hits(label, score).astype(np.float64)),
        "macro_auc": _over_classes(_auc, label, score, sampling),
        "macro_f1": _over_classes(_f1, label, score, sampling),
    }


def _over_classes(
    sampled: Callable[[Floats, Floats, int, Resampling], Floats],
    label: Floats,
    score: Floats,
    sampling: Resampling,
) -> Floats:
    each = np.array([sampled(label, score, k, sampling) for k in multiclass.happened(label)])
    counted = np.isfinite(each).sum(axis=0)
    mean: Floats = np.where(counted > 0, np.nansum(each, axis=0) / np.maximum(counted, 1), np.nan)
    return mean


def _auc(label: Floats, score: Floats, k: int, sampling: Resampling) -> Floats:
    return _binary((label == k).astype(np.float64), score[:, k], sampling)["auc"]


def _f1(label: Floats, score: Floats, k: int, sampling: Resampling) -> Floats:
    return multiclass.f1(*map(sampling.mean, multiclass.member(label, score, k)))


_SAMPLED = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}


def _binned(label: Floats, score: Floats, sampling: Resampling) -> tuple[Floats, Floats]:
    """Count ones and zeros by cluster and score bin, the highest scores first."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    bins = len(edges) - np.searchsorted(edges, score, side="left")
    cell = sampling.clusters * (len(edges) + 1) + bins
    shape = (sampling.count, len(edges) + 1)
    return _sums(cell, label, shape), _sums(cell, 1 - label, shape)


def _sums(cell: Ints, values: Floats, shape: tuple[int, int]) -> Floats:
    return np.bincount(cell, values, shape[0] * shape[1]).astype(np.float64).reshape(shape)


def _ranked(ones: Floats, zeros: Floats) -> dict[str, Floats]:
    """Return AUC and average precision per resample; NaN where a resample has one class."""
    hits, misses = np.cumsum(ones, axis=1), np.cumsum(zeros, axis=1)
    n_ones, n_zeros = hits[:, -1], misses[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        wins = ((n_zeros[:, None] - misses + zeros / 2) * ones).sum(axis=1)
        precision = np.where(ones > 0, hits / (hits + misses), 0.0)
        return {
            "auc": wins / (n_ones * n_zeros),
            "average_precision": (precision * ones).sum(axis=1) / n_ones,
        }
