"""The comparison: shares between the ends, regret against retraining always, days drawn jointly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.backtest.compare import compare
from ml_assets.ml import metrics

if TYPE_CHECKING:
    from ml_assets.backtest.compare import Comparison, Result
    from ml_assets.backtest.models import Models
    from ml_assets_tests.backtest.conftest import Told


@pytest.fixture(scope="module")
def found(compared: Told) -> Comparison:
    """All policies compared."""
    return compared.found


def named(found: Comparison, name: str) -> Result:
    return next(one for one in found.results if one.course.policy.name == name)


def test_metrics_are_those_of_the_live_models_scores(found: Comparison, models: Models) -> None:
    past = models.past
    for result in (named(found, "every:3"), named(found, "defs")):
        both = []
        for key, model in result.course.live.items():
            own = past.outcomes[key]
            known = ~np.isnan(own.label)
            score = model.trained.predict(past.rows(key), 1)[known]
            both.append((own.label[known], score))
        measured = [metrics.measure("binary", *one) for one in both]
        pooled = metrics.measure("binary", *(np.concatenate(x) for x in zip(*both, strict=True)))
        assert result.losses == pytest.approx([one["log_loss"] for one in measured])
        assert result.loss.value == pytest.approx(np.mean([m["log_loss"] for m in measured]))
        assert result.metrics["auc"] == pytest.approx(np.mean([m["auc"] for m in measured]))
        assert result.pooled == pytest.approx(pooled)


def test_the_ends_have_none_and_all_of_the_gain(found: Comparison) -> None:
    never, every = found.results[:2]
    for result, share in ((never, 0), (every, 1)):
        assert result.share is not None
        assert (result.share.low, result.share.value, result.share.high) == (share,) * 3
    assert never.gain.value == never.gain.high == 0
    assert all(one.low == one.value == one.high == 0 for one in every.regret)
    assert every.gain.low > 0


def test_share_and_regret_follow_from_the_losses(found: Comparison) -> None:
    never, every = found.results[:2]
    for result in found.results:
        gain = never.loss.value - result.loss.value
        assert result.gain.value == pytest.approx(gain)
        assert result.share is not None
        assert result.share.value == pytest.approx(gain / every.gain.value)
        assert [one.value for one in result.regret] == pytest.approx(
            np.subtract(result.losses, every.losses).tolist()
        )


def test_intervals_hold_their_values_and_pairing_narrows_them(found: Comparison) -> None:
    for result in found.results:
        for one in (result.loss, result.gain, result.share, *result.regret):
            assert one is not None
            assert one.low <= one.value <= one.high
    psi = named(found, "psi:.1")
    assert psi.share is not None
    wide = psi.loss.high - psi.loss.low
    every = found.results[1]
    apart = every.gain.high - every.gain.low
    assert abs(psi.gain.high - every.gain.high) < wide / 2
    assert psi.share.high - psi.share.low < wide / apart


def test_one_partition_more_than_a_policy_lived_through_is_not_counted(found: Comparison) -> None:
    assert tuple(found.results[0].course.live) == found.keys
    assert found.clusters == 7 * len(found.keys)
    assert found.rows < 24 * 7 * len(found.keys)


def test_without_a_gain_there_is_no_share(found: Comparison, models: Models) -> None:
    never, every = (one.course for one in found.results[:2])
    swapped = compare(models, [every, never, never])
    assert swapped.results[1].gain.value < 0
    assert [one.share for one in swapped.results] == [None] * 3


def test_it_is_the_same_each_time(found: Comparison, models: Models) -> None:
    again = compare(models, [one.course for one in found.results])
    assert again == found
