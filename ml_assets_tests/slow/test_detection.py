"""What a change does to each alarm: the table of docs/loop.md, measured anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.monitors.cusum import run
from ml_assets.monitors.cusum_limit import solve_limit
from ml_assets.monitors.findings import Terms
from ml_assets.monitors.residuals import between_days, residuals
from ml_assets_tests.monitors.judged import judged
from ml_assets_tests.monitors.world import Change, world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days
    from ml_assets.monitors.residuals import Residuals

pytestmark = pytest.mark.slow
LOOP = Path(__file__).parents[2] / "docs" / "loop.md"
SINCE, WINDOW, LENGTH = 14, 28, 84
"""The change comes in the middle of the first of three windows."""
TERMS = Terms(problem="binary", rate=WINDOW / 365, seed=0)
REFERENCES, WORLDS = 20, 10
UNUSED = "one of no importance by .5 sd"
CHANGES = {
    "nothing": Change(since=SINCE),
    "calibration by 10 %": Change(since=SINCE, calibration=1.1),
    "calibration by 20 %": Change(since=SINCE, calibration=1.2),
    "calibration by 30 %": Change(since=SINCE, calibration=1.3),
    "an important feature by .5 sd": Change(since=SINCE, shift={"x0": 0.5}),
    UNUSED: Change(since=SINCE, shift={"x4": 0.5}),
}
ALARMS = ("calibration", "band", "performance", "drift", "prediction drift")


def delays(usual: Days, limit: float, fresh: list[Days]) -> dict[str, list[float]]:
    """Return by kind the days from the change to the first alarm, or infinity, in each world."""
    starts = range(0, LENGTH, WINDOW)
    windows = [each.take(slice(at, at + WINDOW)) for each in fresh for at in starts]
    ends = np.array([at + WINDOW - SINCE for at in starts], dtype=np.float64)
    found = {
        kind: np.where(np.reshape(alarms, (-1, len(ends))), ends, np.inf).min(axis=1).tolist()
        for kind, alarms in judged(usual, windows, TERMS).items()
    }
    between = between_days(usual)
    return {**found, "calibration": [cusum(residuals(each, between), limit) for each in fresh]}


def cusum(found: Residuals, limit: float) -> float:
    """Return the days until the CUSUM alarms, or infinity; what it did before the change counts."""
    changed = found.dates[SINCE]
    days = [int((one.day - changed).astype(int)) + 1 for one in run(found, limit).alarms]
    return min((day for day in days if day > 0), default=np.inf)


def measured() -> dict[str, dict[str, list[float]]]:
    """Return by change and kind the delays in ten fresh worlds of each of 20 references."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in CHANGES}
    for seed in range(REFERENCES):
        usual = world(240, seed=seed)
        limit = solve_limit(residuals(usual, between_days(usual)), 1.0, seed=0)
        seeds = [10_000 + 10 * seed + n for n in range(WORLDS)]
        for name, change in CHANGES.items():
            fresh = [world(LENGTH, seed=one, change=change) for one in seeds]
            for kind, each in delays(usual, limit, fresh).items():
                found[name].setdefault(kind, []).extend(each)
    return found


def cell(delays: list[float]) -> str:
    """Write the share detected and, where it is more than half, the median delay."""
    share = f"{np.isfinite(delays).mean():.2f}"
    days = float(np.median(delays))
    return f"{share}, {days:.0f} days" if np.isfinite(days) else share


def row(name: str, found: dict[str, list[float]]) -> str:
    """Write one row of the table."""
    return f"| {name} | " + " | ".join(cell(found[kind]) for kind in ALARMS) + " |"


def test_the_table_of_the_handbook_is_what_is_measured() -> None:
    found = measured()
    handbook = LOOP.read_text()
    rows = [row(name, each) for name, each in found.items()]
    assert [one for one in rows if one not in handbook] == []
    nothing, unused = (found[name]["prediction drift"] for name in ("nothing", UNUSED))
    assert unused == nothing
