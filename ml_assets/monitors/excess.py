"""Loss beyond what the model expects of itself, and how far resampled windows of it reach.

Loss moves with how hard a window is: predictions near one half cost more than clear ones, whoever
makes them. What a calibrated model expects to lose moves along, so the excess does not. It has a
sign: over-predicted small probabilities cost less than expected, which is for calibration to see.
The answers of a regression model carry no expected loss: there the loss itself is the excess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitors.findings import with_labels
from ml_assets.monitors.persistence import stretched
from ml_assets.monitors.resample import draw_windows

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Days
    from ml_assets.monitors.findings import Problem, Terms


def excess_per_day(days: Days, problem: Problem) -> Floats:
    """Return each day's loss minus the expected one over its rows with labels; every day has some.

    The expected loss is known per day only: rows without a label count as like the day's others.
    """
    if problem == "regression":
        return days.labelled_loss
    excess: Floats = days.labelled_loss - days.expected_loss * days.labelled / days.rows
    return excess


def mean_excess(days: Days, problem: Problem) -> float:
    """Return the mean excess loss per row with a label; `days` has at least one."""
    return float(excess_per_day(days, problem).sum() / days.labelled.sum())


def sampled_excess(reference: Days, window: Days, terms: Terms) -> Floats:
    """Return the mean excess of resampled windows as long as `window`, from whole reference days.

    Window and reference are both resampled: what is returned is the reference's mean plus the
    difference of the two, because that mean is uncertain as well. The difference is stretched for
    what resampling within a weekday's few days misses (Rao and Wu 1988) and, where the window has
    fewer rows per day, as if all of it were noise of single rows: a loss does not tell how much of
    it belongs to the day, so that a thin window alarms too seldom rather than too often.
    """
    usual, days = with_labels(reference), with_labels(window)
    excess, mean = excess_per_day(usual, terms.problem), mean_excess(usual, terms.problem)
    means = [
        excess[drawn].sum(axis=1) / usual.labelled[drawn].sum(axis=1)
        for drawn in (
            draw_windows(usual, days.dates, terms.draws, terms.seed),
            draw_windows(usual, usual.dates, terms.draws, terms.seed + 1),
        )
    ]
    own = excess - mean * usual.labelled
    differences = stretched(means[0] - means[1], usual.dates, days.dates, own)
    thin = max(1.0, float(usual.labelled.mean() / days.labelled.mean()))
    sampled: Floats = mean + differences * np.sqrt(thin)
    return sampled
