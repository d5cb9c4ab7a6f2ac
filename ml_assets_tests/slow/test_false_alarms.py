"""False alarms on the real flights: limits of every other week, windows of the weeks between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import binomtest

from ml_assets import clock
from ml_assets.ml.candidates import Candidates
from ml_assets.monitors.calibration import band_of
from ml_assets.monitors.cusum import run
from ml_assets.monitors.cusum_limit import solve_limit
from ml_assets.monitors.days import SUMS, Days
from ml_assets.monitors.drift import drift
from ml_assets.monitors.drift_limits import drift_limits
from ml_assets.monitors.estimate import check_of
from ml_assets.monitors.excess import mean_excess
from ml_assets.monitors.findings import Terms
from ml_assets.monitors.performance import excess_limit
from ml_assets.monitors.reference import make_reference
from ml_assets.monitors.resample import WEEK, draw_windows
from ml_assets.monitors.residuals import Residuals, between_days, residuals, standardise
from ml_assets.tables.training import feature_names, read
from ml_assets_tests.sandbox import Sandbox, build_all, example

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Ints

pytestmark = pytest.mark.slow
RATE = 28 / 365
"""Per window: the default of one false alarm per year."""
WINDOWS = 1000
WINDOW = np.datetime64("2014-03-03", "D") + np.arange(28)
SMALL = {"num_leaves": 15, "learning_rate": 0.1}


@dataclass(frozen=True)
class Halves:
    """The days of the weeks that set the limits, and of those that are judged."""

    usual: Days
    fresh: Days


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """The statistics per day of the whole year, scored out of fold by a small model."""
    import shutil

    box = Sandbox(tmp_path_factory.mktemp("year"), "flights")
    shutil.copytree(example("flights"), box.folder, ignore=shutil.ignore_patterns("__pycache__"))
    names = feature_names(box.pipeline)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in box.environment.items():
            patch.setenv(name, value)
        patch.chdir(box.root)
        with box.lake() as con:
            build_all(con, box.pipeline)
            table = read(con, box.pipeline, clock.now(), names)
    candidates = Candidates(names, box.pipeline.declaration.model)
    return make_reference(
        table, names, "binary", lambda seen: candidates.boosted(seen, SMALL, 40), {}
    ).days


@pytest.fixture
def halves(year: Days) -> list[Halves]:
    """Every other week and the weeks between, both ways."""
    even = (year.dates - year.dates[0]).astype(np.int64) // WEEK % 2 == 0
    return [Halves(year.take(mine), year.take(~mine)) for mine in (even, ~even)]


def joined(days: Days, drawn: Ints) -> Days:
    """Return drawn days as if they had been those of WINDOW."""
    sums: dict[str, Any] = {name: getattr(days, name)[drawn] for name in SUMS}
    histograms = {name: counts[drawn] for name, counts in days.histograms.items()}
    return Days(dates=WINDOW, histograms=histograms, **sums)


def shifted(days: Days) -> Days:
    """Return the days as if every value were a bin higher, twice as many labels 1 and losses so."""
    return replace(
        days,
        labelled_label=2 * days.labelled_label,
        labelled_loss=2 * days.labelled_loss,
        histograms={name: np.roll(counts, 1, axis=1) for name, counts in days.histograms.items()},
    )


def alarms(half: Halves, windows: int = WINDOWS) -> dict[str, list[bool]]:
    """Return by kind which of some windows of the fresh weeks alarm."""
    usual, terms = half.usual, Terms(problem="binary", rate=RATE, seed=0)
    drawn = draw_windows(half.fresh, WINDOW, windows, 1)
    return judged(usual, [joined(half.fresh, each) for each in drawn], terms)


def judged(usual: Days, windows: list[Days], terms: Terms) -> dict[str, list[bool]]:
    """Return by kind which of the windows alarm."""
    limits = drift_limits(usual, windows[0], RATE, 1000, 0)
    between, band = between_days(usual), band_of(usual, windows[0], terms).limit
    excess = excess_limit(usual, windows[0], terms)
    error = check_of(usual, windows[0], "", terms).limit
    importance = dict.fromkeys(limits.features, 1.0)
    drifts = [drift(usual, window, importance, limits) for window in windows]
    sums = [residuals(window, between) for window in windows]
    found = [mean_excess(window, "binary") for window in windows]
    z = [float(standardise(each.residual.sum(), each.variance.sum())) for each in sums]
    return {
        "drift": [one.alarm for one in drifts],
        "prediction drift": [one.score_alarm for one in drifts],
        "band": [abs(one) > band for one in z],
        "performance": [one > excess for one in found],
        "estimate": [abs(one) > error for one in found],
    }


def test_windows_of_other_weeks_alarm_at_about_the_set_rate(halves: list[Halves]) -> None:
    """Drift alarms at 1.7 times the rate (11 times, were days independent), the others at it."""
    both = [alarms(half) for half in halves]
    for kind, most in (
        ("drift", 2.0),
        ("prediction drift", 1.0),
        ("band", 1.0),
        ("performance", 1.0),
        ("estimate", 1.0),
    ):
        each = [alarm for found in both for alarm in found[kind]]
        interval = binomtest(sum(each), len(each)).proportion_ci()
        assert interval.low <= most * RATE, (kind, np.mean(each), interval)
    assert any(any(found["drift"]) for found in both)


def test_windows_of_a_world_that_changed_alarm(halves: list[Halves]) -> None:
    for half in halves:
        for kind, found in alarms(replace(half, fresh=shifted(half.fresh)), 100).items():
            assert np.mean(found) > 0.95, (kind, np.mean(found))


def test_years_of_other_weeks_alarm_about_once(halves: list[Halves]) -> None:
    """One half's limit lets alarm .1 times a year and the other's 3 times: half a year is short."""
    days, found = np.datetime64("2014-01-06") + np.arange(364), []
    for half in halves:
        between = between_days(half.usual)
        limit = solve_limit(residuals(half.usual, between), 1.0, seed=0)
        fresh = residuals(half.fresh, between)
        for drawn in draw_windows(half.fresh, days, 300, 2):
            path = Residuals(days, fresh.residual[drawn], fresh.variance[drawn])
            found.append(len(run(path, limit).alarms))
    assert 0 < np.mean(found) < 2, np.mean(found)


def test_a_year_of_a_world_that_changed_alarms(halves: list[Halves]) -> None:
    for half in halves:
        between = between_days(half.usual)
        limit = solve_limit(residuals(half.usual, between), 1.0, seed=0)
        assert run(residuals(shifted(half.fresh), between), limit).alarms
