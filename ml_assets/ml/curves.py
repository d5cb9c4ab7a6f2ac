"""ROC and precision-recall curves, exact at every kept point and thinned for drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml.metrics import cumulative
from ml_assets.ml.results import Curve

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

POINTS = 200


def roc(label: Floats, score: Floats) -> Curve:
    """Return false positive rate and true positive rate from (0, 0) to (1, 1)."""
    hits, rows = cumulative(label, score)
    misses = rows - hits
    return _thin(np.append(0.0, misses / misses[-1]), np.append(0.0, hits / hits[-1]))


def precision_recall(label: Floats, score: Floats) -> Curve:
    """Return recall and precision, from the highest score to all rows."""
    hits, rows = cumulative(label, score)
    return _thin(hits / hits[-1], hits / rows)


def _thin(x: Floats, y: Floats) -> Curve:
    """Keep at most POINTS points, evenly spaced along the curve, the ends among them."""
    length = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
    wanted = np.linspace(0.0, length[-1], POINTS)
    kept = np.unique(np.searchsorted(length, wanted).clip(0, len(x) - 1))
    kept[-1] = len(x) - 1
    return Curve(x[kept].tolist(), y[kept].tolist())
