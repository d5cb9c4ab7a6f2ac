"""Page's CUSUM of the daily calibration residual: the first to see that a model goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ml_assets.monitors.cusum_limit import MIN_REFERENCE, solve_limit, step
from ml_assets.monitors.drift import MIN_CLUSTERS
from ml_assets.monitors.findings import MIN_POSITIVES, Problem, Verdict, settled, with_labels
from ml_assets.monitors.residuals import between_days, residuals
from ml_assets.monitors.written import beside, number

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats
    from ml_assets.monitors.days import Dates, Days
    from ml_assets.monitors.residuals import Residuals

Direction = Literal["under-predicts", "over-predicts"]


@dataclass(frozen=True)
class Alarm:
    """A day on which one side of the CUSUM passed its limit."""

    day: np.datetime64
    since: np.datetime64
    """The first day of the run-up, the most likely day of the change (Page 1954)."""
    direction: Direction
    value: float


@dataclass(frozen=True)
class Path:
    """Both statistics per day with labels, for a plot against the limit."""

    dates: Dates
    upper: Floats
    """Evidence that the model under-predicts, never negative; 0 again after an alarm."""
    lower: Floats
    """Evidence that it over-predicts."""
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class Cusum:
    """What the CUSUM says of the days since it was last started."""

    verdict: Verdict
    reason: str
    limit: float | None = None
    path: Path | None = None
    fired: int | None = None
    """Alarms of the same CUSUM in the reference itself."""

    @property
    def share(self) -> float:
        """The highest statistic as a share of the limit; 0 where nothing was watched."""
        if self.path is None or not self.limit or not len(self.path.dates):
            return 0.0
        return float(max(self.path.upper.max(), self.path.lower.max())) / self.limit

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Alarms since the start, the oldest first."""
        return self.path.alarms if self.path else ()


def watch(
    reference: Days,
    days: Days,
    since: np.datetime64,
    problem: Problem = "binary",
    *,
    alarms_per_year: float = 1.0,
    seed: int,
) -> Cusum:
    """Return what the CUSUM that starts at zero on the day `since` says of `days`.

    `since` is the day the model went live or the day after the last answered alarm. An alarm counts
    once MIN_CLUSTERS days or, of zeros and ones, MIN_POSITIVES ones have come since the last start:
    a handful of rows asks for nothing, and a great error in many is told on the first days, because
    the limit holds for every run. Silence counts after MIN_CLUSTERS days.
    """
    usual = int((reference.labelled > 0).sum())
    watched = settled(days.take(days.dates >= since))
    if usual < MIN_REFERENCE:
        lack = f"the reference has {usual} days with labels of at least {MIN_REFERENCE}"
        return Cusum("not enough data", f"calibration: not enough data, {lack}")
    between = between_days(reference)
    expected = residuals(reference, between)
    limit = solve_limit(expected, alarms_per_year, seed)
    path = run(residuals(watched, between), limit, _positives(watched, problem))
    fired = len(run(expected, limit, _positives(reference, problem)).alarms)
    said = f"alarms in the {usual} days of the reference: {fired}"
    verdict: Verdict = "ok" if len(path.dates) >= MIN_CLUSTERS else "not enough data"
    return Cusum(
        "alarm" if path.alarms else verdict, _reason(path, limit, said, since), limit, path, fired
    )


def run(found: Residuals, limit: float, positives: Floats | None = None) -> Path:
    """Return the CUSUM of the standardised residuals; both sides start anew after an alarm.

    Where `positives` per day are given, MIN_POSITIVES or MIN_CLUSTERS days have to have come since
    the last start.
    """
    state, since, start = np.zeros(2), np.zeros(2, dtype=np.int64), 0
    values = np.empty((len(found), 2))
    alarms = []
    for day, z in enumerate(found.standardised):
        since = np.where(state > 0, since, day)
        state = values[day] = step(state, z)
        side = int(state.argmax())
        come = None if positives is None else positives[start : day + 1]
        if state[side] > limit and (come is None or _enough(come)):
            alarms.append(_alarm(found.dates, day, since[side], side, state[side]))
            state, start = np.zeros(2), day + 1
    return Path(found.dates, values[:, 0], values[:, 1], tuple(alarms))


def _positives(days: Days, problem: Problem) -> Floats:
    """Return the ones of each day with labels; none where labels are numbers."""
    ones = with_labels(days).labelled_label
    return ones if problem == "binary" else np.zeros(len(ones))


def _enough(positives: Floats) -> bool:
    return len(positives) >= MIN_CLUSTERS or float(positives.sum()) >= MIN_POSITIVES


def _alarm(dates: Dates, day: int, since: int, side: int, value: float) -> Alarm:
    direction: Direction = "over-predicts" if side else "under-predicts"
    return Alarm(dates[day], dates[since], direction, float(value))


def _reason(path: Path, limit: float, fired: str, since: np.datetime64) -> str:
    days = len(path.dates)
    if path.alarms:
        last, count = path.alarms[-1], len(path.alarms)
        more = f"{count} alarms since {path.alarms[0].day}, " if count > 1 else ""
        value, bound = beside(last.value, limit)
        return (
            f"calibration: the model {last.direction} since about {last.since}, alarm on "
            f"{last.day} (CUSUM {value}, limit {bound}); {more}{fired}"
        )
    if days < MIN_CLUSTERS:
        return (
            f"calibration: not enough data, {days} days with labels of at least {MIN_CLUSTERS} "
            f"since {since}"
        )
    highest = max(path.upper.max(), path.lower.max())
    return (
        f"calibration: no alarm in {days} days since {since}, "
        f"CUSUM at most {number(highest)} of limit {number(limit)}; {fired}"
    )
