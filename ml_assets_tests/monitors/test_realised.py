from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.ml import bootstrap
from ml_assets.ml.bootstrap import Resampling
from ml_assets.monitors.realised import ratio, realised
from ml_assets_tests.monitors.labelled import mature, regression, summed
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.ml.results import Estimate
    from ml_assets.monitors.days import Days

SCALE = st.floats(0.1, 10)


def test_metrics_by_hand() -> None:
    days = summed([100, 300], [30, 60], [20, 60])
    found = realised(days, "2013-06", "binary")
    assert (found.window, found.rows, found.labelled, found.clusters) == ("2013-06", 400, 400, 2)
    assert (found.coverage, found.closed, found.missing) == (1.0, True, "")
    assert found.ratio
    assert found.residual
    assert found.loss
    assert found.excess
    assert found.ratio.value == pytest.approx(90 / 80)
    assert found.residual.value == pytest.approx(10 / 400)
    loss = -(90 * np.log(0.2) + 310 * np.log(0.8)) / 400
    entropy = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert found.loss.value == pytest.approx(loss)
    assert found.excess.value == pytest.approx(loss - entropy)


def test_intervals_agree_with_resampled_days() -> None:
    days = world(60, features=2)
    found = realised(days, "2013-06", "binary")
    each = Resampling(np.arange(60), 4000, 0)
    pairs = [
        (found.loss, bootstrap.ratio(days.labelled_loss, days.labelled, each)),
        (found.ratio, bootstrap.ratio(days.labelled_label, days.labelled_score, each)),
    ]
    for exact, sampled in pairs:
        assert exact
        assert exact.value == pytest.approx(sampled.value)
        assert exact.high - exact.low == pytest.approx(sampled.high - sampled.low, rel=0.1)


def covered(interval: Estimate | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    months = [
        realised(world(28, seed=seed, features=2), "2013-06", "binary") for seed in range(400)
    ]
    for hits in (
        sum(covered(found.ratio, 1.0) for found in months),
        sum(covered(found.residual, 0.0) for found in months),
    ):
        assert 0.92 <= hits / 400 <= 0.975


def test_a_window_with_half_its_labels_is_open_and_says_what_is_missing() -> None:
    found = realised(mature(world(28, features=2), 0.5), "2013-06", "binary")
    assert not found.closed
    assert found.missing == "5,600 of 11,200 labels are missing (coverage .50 of at least .95)"


@given(SCALE, SCALE, SCALE)
def test_rows_without_a_mature_label_are_in_no_metric(
    rows: float, score: float, expected: float
) -> None:
    days = mature(world(28, features=2), 0.5)
    other = replace(
        days,
        rows=days.labelled * (1 + rows),
        score=days.score * score,
        expected_loss=days.expected_loss * expected,
    )
    one, two = realised(days, "w", "binary"), realised(other, "w", "binary")
    assert (one.loss, one.residual, one.ratio) == (two.loss, two.residual, two.ratio)


def test_the_expected_loss_of_open_rows_is_taken_as_like_the_others() -> None:
    days = world(28, features=2)
    whole, half = realised(days, "w", "binary"), realised(mature(days, 0.5), "w", "binary")
    assert whole.excess
    assert half.excess
    assert half.excess.value == pytest.approx(whole.excess.value)


@pytest.mark.parametrize("count", [0, 1])
def test_one_day_has_no_interval(count: int) -> None:
    found = realised(world(2, features=2).take(slice(0, count)), "2013-06", "binary")
    assert (found.loss, found.ratio, found.residual, found.excess) == (None,) * 4
    assert found.closed == bool(count)


def test_regression_has_no_expected_loss() -> None:
    found = realised(regression(28, 1), "2013-06", "regression")
    assert found.excess is None
    assert found.loss
    assert found.loss.value == pytest.approx(8.3, abs=0.3)
    assert found.ratio is None


def test_a_ratio_of_nothing_is_none() -> None:
    assert ratio(np.ones(3), np.zeros(3)) is None
    assert ratio(np.ones(3), -np.ones(3)) is None


def settled(days: Days, share: float) -> Days:
    """The same days when this share of their rows got a label and no other will."""
    return replace(mature(days, share), awaited=np.zeros(len(days)))


def test_rows_that_never_get_a_label_are_not_waited_for() -> None:
    days = world(28, features=2)
    found = realised(settled(days, 0.9), "2013-02", "binary")
    assert (found.closed, found.missing) == (True, "")
    assert found.coverage == pytest.approx(0.9)
    waiting = realised(mature(days, 0.9), "2013-02", "binary")
    assert not waiting.closed
    assert waiting.missing.startswith("1,120 of 11,200 labels are missing (coverage .90 of at")


def test_half_of_the_rows_do_not_stand_for_the_rest() -> None:
    found = realised(settled(world(28, features=2), 0.25), "2013-02", "binary")
    assert not found.closed
    assert found.missing == (
        "2,800 of 11,200 rows got a label and no more are expected (coverage .25 of at least .50)"
    )


def test_a_window_without_a_label_is_open() -> None:
    assert not realised(settled(world(28, features=2), 0.0), "w", "binary").closed
