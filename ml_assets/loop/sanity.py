"""The sanity band of a refit: the challenger's hyperparameters on all data must give its like.

A refit has seen the rows of the gate, so that they cannot show how good it is; they can show that
something went wrong in making it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.loop.criterion import Criterion
from ml_assets.ml import metrics

if TYPE_CHECKING:
    from ml_assets.loop.paired import Comparison
    from ml_assets.ml.training_table import Floats

MEAN_MARGIN = 0.1
"""How far the mean answer may lie outside of what the challenger answers and what happened, as a
share of it; for regression, of the labels' deviation. Not of the challenger's mean alone: where the
world moved, which is why one retrains, the refit has to move along."""
CORRELATION = 0.5
"""At least between the answers of both. Measured for refits on one to four more months of flights:
.81 to .96, and .76 where 3,400 rows became 5,100; answers to other rows correlate by 0."""


def sanity(window: Comparison, refit: Floats) -> list[Criterion]:
    """Return what the refit must show on the rows of the gate's window, in which `refit` answers.

    The challenger's answers are the measure; the refit's loss is in-sample and must be no worse.
    """
    answers = {name: refit[:, k] for k, name in enumerate(window.classes)} or {"": refit}
    # A class of a few rows has a mean of chance.
    views = window.views.items()
    means = [_mean(k, part, answers[k]) for k, part in views if not (k and part.lacking(1, 1))]
    return [
        _loss(window, refit),
        *means,
        _correlation(_centred(window.challenger), _centred(refit)),
    ]


def _centred(answers: Floats) -> Floats:
    """Return answers in one row, of several classes each class's around its mean."""
    return answers if answers.ndim == 1 else (answers - answers.mean(axis=0)).ravel()


def _loss(window: Comparison, refit: Floats) -> Criterion:
    challenger, own = (
        float(metrics.losses(window.problem, window.label, score).mean())
        for score in (window.challenger, refit)
    )
    passed = own <= challenger
    return Criterion(
        "refit's loss",
        passed,
        {"challenger": challenger, "refit": own},
        f"On rows it was trained on the refit's loss is {own:.4g}, the challenger's, which had not"
        f" seen them, {challenger:.4g}: {'no worse' if passed else 'worse, which is a fault'}.",
    )


def _mean(of: str, window: Comparison, refit: Floats) -> Criterion:
    """Pass between the challenger's mean and what happened: where the world moved, so must it."""
    before, after, seen = (float(x.mean()) for x in (window.challenger, refit, window.label))
    scale = max(before, seen) if window.problem == "binary" else float(window.label.std())
    slack = MEAN_MARGIN * scale
    low, high = min(before, seen) - slack, max(before, seen) + slack
    passed = low <= after <= high
    return Criterion(
        f"refit's mean{f' of {of}' if of else ''}",
        passed,
        {"challenger": before, "refit": after, "observed": seen, "low": low, "high": high},
        f"{f'{of}: i' if of else 'I'}ts mean answer is {after:.4g}, the challenger's {before:.4g},"
        f" observed {seen:.4g}:"
        f" {'within' if passed else 'outside'} {low:.4g} to {high:.4g}.",
    )


def _correlation(challenger: Floats, refit: Floats) -> Criterion:
    found = correlation(challenger, refit)
    passed = found >= CORRELATION
    return Criterion(
        "refit's answers",
        passed,
        {"correlation": found},
        f"Its answers correlate with the challenger's by {found:.3f},"
        f" {'at least' if passed else 'less than'} {CORRELATION:g}.",
    )


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation; of constant answers 1 where both are constant, else 0."""
    still = (np.ptp(one) == 0, np.ptp(other) == 0)
    if any(still):
        return float(all(still))
    found = float(np.corrcoef(one, other)[0, 1])
    return found if math.isfinite(found) else 0.0
