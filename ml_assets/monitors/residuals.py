"""Observed minus expected labels per day, in units of what a day varies by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError
from ml_assets.monitors.findings import with_labels
from ml_assets.words import counted

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Dates, Days


TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Residuals:
    """One entry per day with labels, in order of time."""

    dates: Dates
    residual: Floats
    """Sum of y minus sum of p: above zero the model under-predicts."""
    variance: Floats
    """Variance of `residual` when the model is right: n^2 tau^2 + the rows' own variance."""

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.dates)

    @property
    def standardised(self) -> Floats:
        """Each day's residual in standard deviations of that day."""
        return standardise(self.residual, self.variance)


def standardise(residual: Floats, variance: Floats) -> Floats:
    """Return sums of residuals in standard deviations; huge where a model was certain and wrong."""
    # A sum that cannot vary is 0, unless the answers were 0 or 1 and wrong.
    standardised: Floats = residual / np.sqrt(np.maximum(variance, TINY))
    return standardised


def between_days(reference: Days) -> float:
    """Return tau^2, the variance between days of a day's mean residual beyond its rows' own.

    The general method of moments (DerSimonian and Kacker 2007), days weighted by rows, not below 0:
    sum n (e - mean)^2 is compared with what the rows' variance alone would make of it.
    """
    days = with_labels(reference)
    if len(days) < 2:
        raise DataError(
            f"The reference has {counted(len(days), 'day')} with labels;"
            " what days differ by is unknown.",
            "Score a longer reference out of fold.",
        )
    n, total = days.labelled, float(days.labelled.sum())
    mean = (days.labelled_label - days.labelled_score) / n
    own = days.labelled_variance / n**2
    found = np.sum(n * (mean - np.sum(n * mean) / total) ** 2)
    expected = np.sum(n * own) - np.sum(n**2 * own) / total
    return max(0.0, float((found - expected) / (total - np.sum(n**2) / total)))


def residuals(days: Days, between: float) -> Residuals:
    """Return the residuals of the days with labels; `between` is tau^2 of the reference."""
    kept = with_labels(days)
    return Residuals(
        dates=kept.dates,
        residual=kept.labelled_label - kept.labelled_score,
        variance=kept.labelled**2 * between + kept.labelled_variance,
    )
