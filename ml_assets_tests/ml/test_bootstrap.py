from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.errors import DataError
from ml_assets.ml import bootstrap, metrics
from ml_assets.ml.bootstrap import Resampling

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats, Ints


def _rows(days: int = 40, per_day: int = 50, seed: int = 0) -> tuple[Ints, Floats, Floats]:
    """Days with a shift of their own, so that rows within a day are alike."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(days), per_day)
    chance = 1 / (1 + np.exp(-(rng.normal(0, 1, days)[clusters] + rng.normal(size=len(clusters)))))
    label = (rng.random(len(clusters)) < chance).astype(np.float64)
    score: Floats = np.clip(chance + rng.normal(0, 0.2, len(clusters)), 0.01, 0.99)
    return clusters.astype(np.int64), label, score.round(3)


def _drawn(sampling: Resampling, which: int) -> Ints:
    """The row numbers of one resample, written out."""
    times = sampling.draws[which].astype(int)[sampling.clusters]
    return np.repeat(np.arange(len(times)), times)


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_intervals_agree_with_resampling_written_out(problem: str) -> None:
    clusters, label, score = _rows()
    sampling = Resampling(clusters, 200, 1)
    found = bootstrap.estimate(problem, label, score, sampling)
    exact = metrics.measure(problem, label, score)
    samples = [_drawn(sampling, which) for which in range(200)]
    for name, metric in metrics.METRICS[problem].items():
        low, high = np.quantile([metric(label[s], score[s]) for s in samples], [0.025, 0.975])
        assert found[name].value == exact[name]
        assert found[name].low == pytest.approx(low, abs=5e-4)
        assert found[name].high == pytest.approx(high, abs=5e-4)


def test_resampling_rows_instead_of_days_would_be_too_sure() -> None:
    clusters, label, _ = _rows()
    by_day = bootstrap.mean(label, Resampling(clusters, 500, 0))
    by_row = bootstrap.mean(label, Resampling(np.arange(len(label)), 500, 0))
    assert by_day.high - by_day.low > 2 * (by_row.high - by_row.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth, hits = 0.5, 0
    for seed in range(200):
        clusters, label, _ = _rows(days=30, per_day=20, seed=seed)
        found = bootstrap.mean(label, Resampling(clusters, 300, 0))
        hits += found.low <= truth <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    clusters, label, score = _rows()
    first, again, other = (
        bootstrap.estimate("binary", label, score, Resampling(clusters, 100, seed))
        for seed in (3, 3, 4)
    )
    assert first == again != other


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    clusters, label, score = _rows()
    sampling = Resampling(clusters, 300, 0)
    worse = metrics.losses("binary", label, np.clip(score * 0.9, 0.01, 0.99))
    better = metrics.losses("binary", label, score)
    gain = bootstrap.mean(worse - better, sampling)
    alone = bootstrap.mean(worse, sampling)
    assert gain.high - gain.low < alone.high - alone.low


def test_differences_are_of_the_same_resamples() -> None:
    clusters, label, score = _rows()
    sampling = Resampling(clusters, 300, 0)
    worse = np.clip(score * 0.9, 0.01, 0.99)
    first, second = (bootstrap.measured("binary", label, one, sampling) for one in (worse, score))
    found = bootstrap.differences(first, second)
    gain = bootstrap.mean(
        metrics.losses("binary", label, worse) - metrics.losses("binary", label, score), sampling
    )
    assert found["log_loss"].value == pytest.approx(gain.value)
    assert found["log_loss"].low == pytest.approx(gain.low)
    # The order of the scores, but for those that were clipped, is the same.
    assert abs(found["auc"].value) < 0.01
    assert set(found) == set(metrics.METRICS["binary"])
    nothing = bootstrap.differences(second, second)
    assert {(one.low, one.value, one.high) for one in nothing.values()} == {(0.0, 0.0, 0.0)}


def test_a_resample_with_one_class_is_left_out() -> None:
    clusters = np.array([0, 0, 1, 1, 2, 2])
    label = np.array([0.0, 1, 0, 0, 0, 0])
    score = np.array([0.1, 0.9, 0.2, 0.3, 0.4, 0.5])
    found = bootstrap.estimate("binary", label, score, Resampling(clusters, 200, 0))
    assert found["auc"].low == found["auc"].high == 1.0


def test_one_day_gives_no_interval() -> None:
    with pytest.raises(DataError, match=r"5 rows of 1 day give no interval"):
        Resampling(np.zeros(5, dtype=np.int64), 100, 0)


def test_a_ratio_leaves_out_resamples_without_a_denominator() -> None:
    sampling = Resampling(np.array([0, 1, 2]), 500, 0)
    found = bootstrap.ratio(np.array([1.0, 0, 0]), np.array([2.0, 0, 0]), sampling)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
