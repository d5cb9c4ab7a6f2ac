"""False alarms in a world with a yearly season: the model knows it, and nothing else changes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.monitors.findings import Terms
from ml_assets_tests.monitors.judged import judged
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

pytestmark = pytest.mark.longest
RATE = 0.1
TERMS = Terms(problem="binary", rate=RATE, seed=0)
REFERENCES, WINDOWS = 100, 10


@cache
def shares(days: int, season: float) -> dict[str, Floats]:
    """Return by kind the share of windows of the following year that alarm, per reference."""
    found: dict[str, list[float]] = {}
    for seed in range(REFERENCES):
        rng = np.random.default_rng(seed)
        first = np.datetime64("2013-01-07") + 7 * int(rng.integers(0, 52))
        usual = world(days, seed=seed, season=season, start=str(first))
        weeks = rng.integers(0, 52, WINDOWS)
        windows = [
            world(
                28, seed=10_000 + 10 * seed + n, season=season, start=str(first + days + 7 * week)
            )
            for n, week in enumerate(weeks)
        ]
        for kind, alarms in judged(usual, windows, TERMS).items():
            found.setdefault(kind, []).append(float(np.mean(alarms)))
    return {kind: np.array(each) for kind, each in found.items()}


def least(found: Floats) -> float:
    """Return the lower end of the interval: ten windows share a reference and its error."""
    return float(found.mean() - 1.96 * found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize("season", [0.3, 0.5])
@pytest.mark.parametrize("days", [182, 364])
@pytest.mark.parametrize("kind", ["band", "performance", "estimate"])
def test_what_judges_the_model_keeps_its_rate_in_a_season(
    kind: str, days: int, season: float
) -> None:
    found = shares(days, season)[kind]
    assert found.mean() > 0
    assert least(found) <= RATE, found.mean()


@pytest.mark.parametrize("season", [0.3, 0.5])
@pytest.mark.parametrize("kind", ["drift", "prediction drift"])
def test_drift_keeps_its_rate_once_the_reference_has_seen_the_year(
    kind: str, season: float
) -> None:
    """Were only weeks drawn, .2 to .5 of the windows would alarm."""
    found = shares(364, season)[kind]
    assert found.mean() > 0
    assert least(found) <= RATE, found.mean()


@pytest.mark.parametrize("season", [0.3, 0.5])
@pytest.mark.parametrize("kind", ["drift", "prediction drift"])
def test_drift_sees_a_season_that_the_reference_has_not(kind: str, season: float) -> None:
    found = shares(182, season)[kind]
    assert 0.25 < found.mean() < 0.45, found.mean()
