"""A model of several classes looked at one class at a time, each against all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.ml import calibration, metrics, multiclass
from ml_assets.ml.results import ClassResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.ml.bootstrap import Resampling
    from ml_assets.ml.training_table import Floats


def per_class(
    label: Floats, score: Floats, classes: Sequence[str], known: Sequence[str], sampling: Resampling
) -> list[ClassResult]:
    """Return how each of `classes` fares, the columns of `score`; `known` saw training rows."""
    return [_one(label, score, k, name in known, name, sampling) for k, name in enumerate(classes)]


def _one(
    label: Floats,
    score: Floats,
    k: int,
    known: bool,  # noqa: FBT001 - of the class
    name: str,
    sampling: Resampling,
) -> ClassResult:
    was, said, both = multiclass.member(label, score, k)
    own, rows = score[:, k], int(was.sum())
    expected = known and own.sum() > 0
    return ClassResult(
        name=name,
        rows=rows,
        predicted=int(said.sum()),
        right=int(both.sum()),
        known=known,
        auc=metrics.auc(was, own) if 0 < rows < len(was) else None,
        observed_expected=calibration.observed_expected(was, own, sampling) if expected else None,
        calibration=calibration.bins(was, own, sampling) if known and np.ptp(own) > 0 else [],
    )
