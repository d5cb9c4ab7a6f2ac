from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from ml_assets.ml.curves import POINTS, precision_recall, roc
from ml_assets_tests.ml.test_metrics import _arrays, scored


@given(scored)
def test_short_curves_are_exact(rows: list[tuple[float, float]]) -> None:
    label, score = _arrays(rows)
    curve = roc(label, score)
    x, y, _ = reference.roc_curve(label, score, drop_intermediate=False)
    assert curve.x == pytest.approx(x.tolist())
    assert curve.y == pytest.approx(y.tolist())
    precision, recall, _ = reference.precision_recall_curve(label, score)
    curve = precision_recall(label, score)
    points = dict.fromkeys(zip(recall[:-1][::-1], precision[:-1][::-1], strict=True))
    assert curve.x == pytest.approx([x for x, _ in points])
    assert curve.y == pytest.approx([y for _, y in points])


@given(st.integers(0, 20))
def test_long_curves_are_thinned_and_keep_their_area(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random(20_000)
    label = (rng.random(20_000) < score).astype(np.float64)
    curve = roc(label, score)
    assert len(curve.x) <= POINTS
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    area = np.trapezoid(curve.y, curve.x)
    assert area == pytest.approx(reference.roc_auc_score(label, score), abs=1e-3)
    assert len(precision_recall(label, score).x) <= POINTS
    assert precision_recall(label, score).x[-1] == 1
