"""False alarms on the real flights: limits of every other week, windows of the weeks between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import binomtest

from ml_assets import clock
from ml_assets.ml.candidates import Candidates
from ml_assets.monitors.cusum import run
from ml_assets.monitors.cusum_limit import solve_limit
from ml_assets.monitors.days import SUMS, Days
from ml_assets.monitors.findings import Terms
from ml_assets.monitors.reference import make_reference
from ml_assets.monitors.resample import WEEK, draw_windows
from ml_assets.monitors.residuals import Residuals, between_days, residuals
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import read
from ml_assets_tests.monitors.judged import judged
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
    even = weeks(year) % 2 == 0
    return [Halves(year.take(mine), year.take(~mine)) for mine in (even, ~even)]


@pytest.fixture
def drawn_halves(year: Days) -> list[Halves]:
    """Twenty times half of the weeks, drawn by lot, and the other half."""
    own, rng = weeks(year), np.random.default_rng(0)
    lots = [np.isin(own, rng.permutation(own.max() + 1)[: own.max() // 2]) for _ in range(20)]
    return [Halves(year.take(mine), year.take(~mine)) for mine in lots]


def weeks(days: Days) -> Ints:
    """Return the week of each day, from the first day on."""
    found: Ints = (days.dates - days.dates[0]).astype(np.int64) // WEEK
    return found


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


KINDS = ("drift", "prediction drift", "band", "performance", "estimate")


def test_windows_of_other_weeks_alarm_at_about_the_set_rate(halves: list[Halves]) -> None:
    both = [alarms(half) for half in halves]
    for kind in KINDS:
        each = [alarm for found in both for alarm in found[kind]]
        interval = binomtest(sum(each), len(each)).proportion_ci()
        assert interval.low <= RATE, (kind, np.mean(each), interval)
    assert any(any(found["drift"]) for found in both)


@pytest.mark.longest
def test_windows_of_weeks_drawn_by_lot_alarm_at_about_the_set_rate(
    drawn_halves: list[Halves],
) -> None:
    """Drift misses its rate: half of the weeks lacks what only some weeks had."""
    found = [alarms(half, 200) for half in drawn_halves]
    for kind in KINDS:
        shares = np.array([np.mean(one[kind]) for one in found])
        error = shares.std(ddof=1) / np.sqrt(len(shares))
        most = 2.0 if kind == "drift" else 1.0
        assert shares.mean() - 1.96 * error <= most * RATE, (kind, shares.mean(), error)


def test_the_year_does_not_drift_from_itself(year: Days) -> None:
    """Of 13 windows of four weeks 9 would be in alarm, were only weeks drawn, not months."""
    months = weeks(year) // 4
    terms = Terms(problem="binary", rate=RATE, seed=0)
    found = [judged(year.take(months != n), [year.take(months == n)], terms) for n in range(13)]
    for kind in KINDS:
        fired = sum(one[kind][0] for one in found)
        assert binomtest(fired, 13).proportion_ci().low <= RATE, (kind, fired)


def test_windows_of_a_world_that_changed_alarm(halves: list[Halves]) -> None:
    for half in halves:
        for kind, found in alarms(replace(half, fresh=shifted(half.fresh)), 100).items():
            # Scores have seasons: half a year hides a shift by a bin in a third of windows.
            least = 0.5 if kind == "prediction drift" else 0.95
            assert np.mean(found) > least, (kind, np.mean(found))


def alarms_per_year(half: Halves, years: int) -> float:
    """Return how often the CUSUM alarms in a year of the fresh weeks."""
    days = np.datetime64("2014-01-06") + np.arange(364)
    between = between_days(half.usual)
    limit = solve_limit(residuals(half.usual, between), 1.0, seed=0)
    fresh = residuals(half.fresh, between)
    paths = [
        Residuals(days, fresh.residual[drawn], fresh.variance[drawn])
        for drawn in draw_windows(half.fresh, days, years, 2)
    ]
    return float(np.mean([len(run(path, limit).alarms) for path in paths]))


def test_half_a_year_makes_a_cusum_that_alarms_too_seldom_or_too_often(
    halves: list[Halves],
) -> None:
    even, odd = (alarms_per_year(half, 300) for half in halves)
    assert 0 < even < 0.2, even
    assert 2 < odd < 4, odd


def test_over_halves_drawn_by_lot_the_cusum_keeps_its_rate(drawn_halves: list[Halves]) -> None:
    rates = np.array([alarms_per_year(half, 100) for half in drawn_halves])
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    assert 0 < rates.mean() - 1.96 * error <= 1, (rates.mean(), error)
    assert rates.max() < 4, rates.max()


def test_a_year_of_a_world_that_changed_alarms(halves: list[Halves]) -> None:
    for half in halves:
        between = between_days(half.usual)
        limit = solve_limit(residuals(half.usual, between), 1.0, seed=0)
        assert run(residuals(shifted(half.fresh), between), limit).alarms
