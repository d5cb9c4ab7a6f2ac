"""Days written out: of given sums, with correlated days, or of a regression model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.days import Days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.training_table import Floats

START = "2013-01-07"


def dated(days: int, start: str = START) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.datetime64(start, "D") + np.arange(days)


def summed(
    rows: Sequence[float], label: Sequence[float], score: Sequence[float], start: str = START
) -> Days:
    """Days of wholly labelled rows that all got the same score, from sums per day."""
    n, y, p = (np.array(values, dtype=np.float64) for values in (rows, label, score))
    mean = np.clip(p / np.maximum(n, 1.0), 1e-9, 1 - 1e-9)
    return Days(
        dates=dated(len(n), start),
        rows=n,
        score=p,
        expected_loss=-n * (mean * np.log(mean) + (1 - mean) * np.log(1 - mean)),
        labelled=n,
        awaited=np.zeros(len(n)),
        labelled_label=y,
        labelled_score=p,
        labelled_variance=n * mean * (1 - mean),
        labelled_loss=-(y * np.log(mean) + (n - y) * np.log(1 - mean)),
    )


def correlated(days: int, correlation: float, seed: int, rows: int = 400) -> Days:
    """Days whose shift of the base rate, sd .04, follows the last day's."""
    rng = np.random.default_rng(seed)
    fresh = rng.normal(0, 0.04, days) * np.sqrt(1 - correlation**2)
    shift = rng.normal(0, 0.04)
    label = np.empty(days)
    for day in range(days):
        shift = correlation * shift + fresh[day]
        label[day] = rng.binomial(rows, np.clip(0.2 + shift, 0, 1))
    return summed([rows] * days, label.tolist(), [rows * 0.2] * days)


def regression(
    days: int, seed: int, bias: Floats | float = 0.0, rows: int = 100, scale: float = 1.0
) -> Days:
    """Days of a regression model whose residuals have sd 10 and a day's shift of sd 3."""
    rng = np.random.default_rng(seed)
    error = rng.normal(0, 10, (days, rows)) + rng.normal(0, 3, (days, 1))
    error = scale * (error + np.broadcast_to(np.asarray(bias), days)[:, None])
    score = scale * rng.normal(-2, 1, (days, rows)).sum(axis=1)
    n = np.full(days, float(rows))
    return Days(
        dates=dated(days),
        rows=n,
        score=score,
        expected_loss=np.full(days, np.nan),
        labelled=n,
        awaited=np.zeros(len(n)),
        labelled_label=score + error.sum(axis=1),
        labelled_score=score,
        labelled_variance=(error**2).sum(axis=1),
        labelled_loss=np.abs(error).sum(axis=1),
    )


def mature(days: Days, share: Floats | float) -> Days:
    """The same days when this share of each day's labels is mature."""
    names = ("labelled", "labelled_label", "labelled_score", "labelled_variance", "labelled_loss")
    kept = {name: getattr(days, name) * share for name in names}
    return replace(days, awaited=days.rows - kept["labelled"], **kept)
