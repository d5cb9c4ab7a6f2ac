from __future__ import annotations

import numpy as np
import pytest

from ml_assets.ml.bootstrap import Resampling
from ml_assets.ml.calibration import BINS, bins, observed_expected


def test_honest_scores_lie_within_their_bins_intervals() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(30_000)
    label = (rng.random(30_000) < score).astype(np.float64)
    sampling = Resampling(np.arange(30_000) // 300, 300, 0)
    found = bins(label, score, sampling)
    assert len(found) == BINS
    assert sum(b.rows for b in found) == 30_000
    weights = [b.rows * b.predicted * (1 - b.predicted) for b in found]
    assert max(weights) < 1.2 * min(weights)
    assert [b.predicted for b in found] == sorted(b.predicted for b in found)
    honest = [b.observed.low <= b.predicted <= b.observed.high for b in found]
    assert sum(honest) >= BINS - 3
    ratio = observed_expected(label, score, sampling)
    assert ratio.low < 1 < ratio.high


def test_of_rare_events_the_bins_are_where_they_happen() -> None:
    rng = np.random.default_rng(1)
    score = np.concatenate([rng.uniform(0, 0.002, 49_500), rng.uniform(0.02, 0.98, 500)])
    label = (rng.random(50_000) < score).astype(np.float64)
    found = bins(label, score, Resampling(np.arange(50_000) % 50, 50, 0))
    assert sum(b.rows for b in found) == 50_000
    assert sum(b.predicted > 0.02 for b in found) >= BINS / 2
    assert found[-1].predicted > 0.8


def test_sure_scores_have_bins_as_well() -> None:
    label = np.repeat([0.0, 1.0], 100)
    found = bins(label, label, Resampling(np.arange(200) % 20, 50, 0))
    assert [(b.predicted, b.observed.value) for b in found] == [(0.0, 0.0), (1.0, 1.0)]


def test_equal_scores_share_a_bin() -> None:
    score = np.repeat([0.2, 0.7], 100)
    label = np.tile([0.0, 1.0], 100)
    found = bins(label, score, Resampling(np.arange(200) // 20, 50, 0))
    assert [b.predicted for b in found] == pytest.approx([0.2, 0.7])
    assert [b.rows for b in found] == [100, 100]


def test_a_model_that_promises_too_little_is_above_one() -> None:
    label, score = np.ones(40), np.full(40, 0.5)
    found = observed_expected(label, score, Resampling(np.arange(40) // 4, 50, 0))
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
