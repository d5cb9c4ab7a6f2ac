from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.monitors.cusum import run
from ml_assets.monitors.cusum_limit import solve_limit
from ml_assets.monitors.residuals import between_days, residuals
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.monitors.cusum import Alarm


@cache
def limits() -> tuple[float, float]:
    reference = world(240, seed=5, features=2)
    between = between_days(reference)
    return between, solve_limit(residuals(reference, between), 1.0, seed=0)


def first_alarms(factor: float, worlds: int) -> list[tuple[Alarm | None, int]]:
    """The first alarm at or after a change on day 30, and its delay in days."""
    between, limit = limits()
    found: list[tuple[Alarm | None, int]] = []
    for seed in range(100, 100 + worlds):
        fresh = world(120, seed=seed, features=2, change=Change(since=30, calibration=factor))
        alarms = [
            (alarm, int((alarm.day - fresh.dates[30]).astype(int)) + 1)
            for alarm in run(residuals(fresh, between), limit).alarms
            if alarm.day >= fresh.dates[30]
        ]
        found.append(alarms[0] if alarms else (None, 999))
    return found


@pytest.mark.parametrize(
    ("factor", "detected", "delay"), [(1.1, 0.75, 30), (1.2, 0.98, 10), (1.3, 0.98, 7)]
)
def test_a_model_that_goes_wrong_is_found_within_sixty_days(
    factor: float, detected: float, delay: float
) -> None:
    found = first_alarms(factor, worlds=60)
    delays = np.array([days for _, days in found])
    assert np.mean(delays <= 60) >= detected
    assert np.median(delays) <= delay


def test_the_day_of_the_change_is_found() -> None:
    changed = np.datetime64("2013-01-07") + 30
    found = [alarm for alarm, _ in first_alarms(1.3, worlds=60) if alarm]
    away = [abs(int((alarm.since - changed).astype(int))) for alarm in found]
    assert np.median(away) <= 2
    assert all(alarm.direction == "under-predicts" for alarm in found)
