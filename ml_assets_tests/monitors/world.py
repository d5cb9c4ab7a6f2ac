"""Scored rows of a world whose truth is known, summed per day."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.days import SCORE, Days, weekdays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.training_table import Bools, Floats
    from ml_assets.monitors.days import Dates

BINS = 20
_EDGES = np.array([NormalDist().inv_cdf(share) for share in np.arange(1, BINS) / BINS])
_INTERCEPT = -1.4
_FEATURE_DAY_SD = 0.2
_WEEKDAY = np.array([0.2, 0.1, 0.0, -0.1, -0.2, 0.3, -0.3])
_NULLS = 0.01


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is different from day `since` on."""

    since: int = 0
    calibration: float = 1.0
    """The true probability becomes min(p * calibration, .999); the scores p stay as they were."""
    shift: Mapping[str, float] = field(default_factory=dict)
    """Feature name to shift in standard deviations; scores and labels follow the feature."""


def world(
    days: int,
    *,
    rows: int = 400,
    seed: int = 0,
    features: int = 5,
    day_effect: float = 0.25,
    persistence: float = 0.0,
    season: float = 0.0,
    change: Change | None = None,
    start: str = "2013-01-07",
) -> Days:
    """Return `days` days of `rows` scored and labelled rows, calibrated unless `change` says not.

    `day_effect` is the sd of the day's random shift of the true log-odds, which the scores do not
    know. Features x0, x1, ... are standard normal plus a day's shift of sd .2, x0 also a weekday's;
    x0 drives the scores most, the last feature not at all. Each shift of a day is
    `persistence` times the last day's plus something new, of the same variance. Over the year x0
    rises and falls by a sine of sd `season`, and scores and labels with it: the model knows the
    season. The same seed draws the same world with and without `change`.
    """
    rng = np.random.default_rng(seed)
    change = change or Change()
    dates = np.datetime64(start, "D") + np.arange(days)
    changed = (np.arange(days) >= change.since)[:, None]
    usual = _WEEKDAY[weekdays(dates)] + _yearly(dates, season)
    weights = _weights(features)
    log_odds = np.full((days, rows), _INTERCEPT)
    histograms = {}
    for number in range(features):
        name = f"x{number}"
        x = rng.normal(size=(days, rows))
        x += _lasting(rng.normal(0, _FEATURE_DAY_SD, (days, 1)), persistence)
        x += changed * change.shift.get(name, 0.0) + (usual[:, None] if number == 0 else 0.0)
        log_odds += weights[number] * x
        histograms[name] = _histogram(x, rng.random((days, rows)) < _NULLS)
    score = _marginal(log_odds, day_effect)
    luck = _lasting(rng.normal(0, day_effect, (days, 1)), persistence)
    truth = _sigmoid(log_odds + luck)
    factor = np.where(changed, change.calibration, 1.0)
    label = (rng.random((days, rows)) < np.minimum(truth * factor, 0.999)).astype(np.float64)
    spread = np.sqrt(np.sum(weights**2))
    histograms[SCORE] = _histogram((log_odds - _INTERCEPT) / spread, np.zeros_like(label) > 0)
    return _days(dates, label, score, histograms)


def _yearly(dates: Dates, sd: float) -> Floats:
    """Return a sine over the year of standard deviation `sd`, highest on 1 April."""
    day = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    found: Floats = np.sqrt(2) * sd * np.sin(2 * np.pi * day / 365)
    return found


def _lasting(fresh: Floats, persistence: float) -> Floats:
    """Return an autoregression of the same variance as the independent `fresh`, of shape (n, 1)."""
    found = fresh.copy()
    for day in range(1, len(found)):
        found[day] = persistence * found[day - 1] + np.sqrt(1 - persistence**2) * fresh[day]
    return found


def _weights(features: int) -> Floats:
    weights = np.full(features, 0.3)
    weights[0], weights[-1] = 0.8, 0.0
    return weights


def _days(dates: Dates, label: Floats, score: Floats, histograms: dict[str, Floats]) -> Days:
    log_p, log_not = np.log(score), np.log1p(-score)
    rows = np.full(len(dates), float(label.shape[1]))
    return Days(
        dates=dates,
        rows=rows,
        score=score.sum(axis=1),
        expected_loss=-(score * log_p + (1 - score) * log_not).sum(axis=1),
        labelled=rows,
        awaited=np.zeros(len(dates)),
        labelled_label=label.sum(axis=1),
        labelled_score=score.sum(axis=1),
        labelled_variance=(score * (1 - score)).sum(axis=1),
        labelled_loss=-(label * log_p + (1 - label) * log_not).sum(axis=1),
        histograms=histograms,
    )


def _marginal(log_odds: Floats, day_effect: float) -> Floats:
    """Return the mean of the true probability over day effects, so that the scores are right."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    parts = [
        weight * _sigmoid(log_odds + day_effect * node)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    ]
    total: Floats = np.sum(parts, axis=0)
    return total


def _sigmoid(log_odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-log_odds))
    return probability


def _histogram(x: Floats, null: Bools) -> Floats:
    """Count `x` of shape (days, rows) in BINS bins and, last, NULL."""
    bins = np.where(null, BINS, np.searchsorted(_EDGES, x))
    cell = bins + np.arange(len(x))[:, None] * (BINS + 1)
    counts = np.bincount(cell.ravel(), minlength=len(x) * (BINS + 1))
    return counts.astype(np.float64).reshape(len(x), BINS + 1)
