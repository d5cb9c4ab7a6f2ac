"""The Population Stability Index: how far two histograms of the same bins are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import DataError

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

SMOOTHING = 1e-4
"""Added to the share of every bin: a bin of 5 % that empties adds .31, not infinity."""


def psi(expected: Floats, actual: Floats) -> Floats:
    """Return the sum of (a - e) ln(a / e) over the bins of two histograms of shape (..., bins).

    e and a are the shares of rows per bin plus SMOOTHING, scaled to sum to one; a constant added to
    shares, not to counts, leaves proportional histograms at 0 whatever their sizes. A histogram
    without rows differs from none: 0. For a small shift by d standard deviations of a normal
    feature in fine bins it is d^2.
    """
    if expected.shape[-1] != actual.shape[-1]:
        raise DataError(
            f"Histograms of {expected.shape[-1]} and {actual.shape[-1]} bins cannot be compared.",
            "Count both in the same bins.",
        )
    e, a = _shares(expected), _shares(actual)
    parts = (a - e) * (np.log(a) - np.log(e))
    some = (expected.sum(axis=-1) > 0) & (actual.sum(axis=-1) > 0)
    return np.where(some, parts.sum(axis=-1), 0.0)


def _shares(counts: Floats) -> Floats:
    rows = counts.sum(axis=-1, keepdims=True)
    shares: Floats = counts / np.where(rows > 0, rows, 1.0)
    smooth: Floats = (shares + SMOOTHING) / (1 + counts.shape[-1] * SMOOTHING)
    return smooth
