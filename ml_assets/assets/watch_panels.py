"""What the monitors measured in every window, as panels of the loop's page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ml_assets.tables.quality import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ml_assets.reports.watch import Mark, Panel
    from ml_assets.tables.findings import Found

WINDOWS = 60
"""The newest windows of each panel."""
DAYS = 400
"""The newest days of the CUSUM."""


def panels(found: Sequence[Found]) -> list[Panel]:
    """Return what each monitor measured over the windows, oldest first."""
    return [_loss(found), _ratio(found), _cusum(found), _drift(found), _missing(found)]


def missing(found: Sequence[Found]) -> list[tuple[Found, float, float]]:
    """Return the judged slices with the share that is missing in the worst feature, and its limit.

    The worst is the one farthest beyond its limit, or nearest to it.
    """
    return [
        (one, one.statistic, one.threshold)
        for one in _of(found, QUALITY)
        if one.statistic is not None and one.threshold is not None
    ]


def _loss(found: Sequence[Found]) -> Panel:
    from ml_assets.reports.watch import Panel

    realised = [
        (one, one.details["loss"])
        for one in _of(found, "performance")
        if one.details.get("loss") is not None
    ]
    estimated = [(one, one.statistic) for one in _of(found, "estimate")]
    # Judged is the excess over what the model expects of itself on these rows.
    limit = [
        (one.period, loss - one.statistic + one.threshold)
        for one, loss in realised
        if one.statistic is not None and one.threshold is not None
    ]
    return Panel(
        name="Loss",
        note="Where labels are known; beside it what the model's own probabilities let expect;"
        " dashed, the limit.",
        keys=_keys(found, "performance", "estimate"),
        own=_marks(realised),
        other=_marks(estimated),
        limits=[limit],
    )


def _ratio(found: Sequence[Found]) -> Panel:
    from ml_assets.reports.watch import Panel

    bands = [
        (one.period, one.details["band"])
        for one in _of(found, "observed_expected")
        if "band" in one.details
    ]
    return Panel(
        name="Observed / expected",
        note="Mean label over mean prediction; 1 is calibrated; dashed, the band.",
        keys=_keys(found, "observed_expected"),
        own=_marks((one, one.statistic) for one in _of(found, "observed_expected")),
        limits=[[(key, band[side]) for key, band in bands] for side in (0, 1)],
        level=1.0,
    )


def _cusum(found: Sequence[Found]) -> Panel:
    """Return the larger of both sums on each day; one that passes the limit is an alarm.

    Windows of shorter partitions overlap: of a day the newest window tells.
    """
    from ml_assets.reports.watch import Mark, Panel

    marks: dict[str, Mark] = {}
    limits: dict[str, float] = {}
    for one in _of(found, "calibration"):
        if one.details.get("first") is None:
            continue
        first = date.fromisoformat(one.details["first"])
        sums = zip(one.details["under_predicts"], one.details["over_predicts"], strict=True)
        for number, both in enumerate(sums):
            day, value = str(first + timedelta(days=number)), max(both)
            alarm = one.threshold is not None and value > one.threshold
            marks[day] = Mark(at=day, value=value, text=_told(one, value), alarm=alarm)
            if one.threshold is not None:
                limits[day] = one.threshold
    keys = sorted(marks)[-DAYS:]
    return Panel(
        name="Calibration CUSUM",
        note="Daily residuals added up, in deviations of a day; dashed, the limit.",
        keys=keys,
        own=[marks[day] for day in keys],
        limits=[[(day, limits[day]) for day in keys if day in limits]],
    )


def _drift(found: Sequence[Found]) -> Panel:
    from ml_assets.reports.watch import Panel

    return Panel(
        name="Feature drift",
        note="Population stability index, weighted by the features' importance.",
        keys=_keys(found, "drift"),
        own=_marks((one, one.statistic) for one in _of(found, "drift")),
    )


def _missing(found: Sequence[Found]) -> Panel:
    from ml_assets.reports.watch import Mark, Panel

    shown = missing(found)
    return Panel(
        name="Missing values",
        note="Share without a value in the feature that comes nearest to its limit; dashed, the"
        " limit, beyond which nothing is scored.",
        keys=_keys(found, QUALITY),
        own=[
            Mark(
                at=one.period,
                value=share,
                text=f"{one.details['features'][0]['feature']} {_told(one, share)}",
                alarm=one.verdict == "broken",
            )
            for one, share, _ in shown
        ],
        limits=[[(one.period, limit) for one, _, limit in shown]],
    )


def _of(found: Iterable[Found], cause: str) -> list[Found]:
    own = sorted((one for one in found if one.cause == cause), key=lambda one: one.event_time)
    return own[-WINDOWS:]


def _keys(found: Iterable[Found], *causes: str) -> list[str]:
    every = [*found]
    return sorted({one.period for cause in causes for one in _of(every, cause)})


def _marks(values: Iterable[tuple[Found, float | None]]) -> list[Mark]:
    from ml_assets.reports.watch import Mark

    return [
        Mark(at=one.period, value=value, text=_told(one, value), alarm=one.verdict == "alarm")
        for one, value in values
        if value is not None
    ]


def _told(found: Found, value: float) -> str:
    return f"{value:.3g}, version {found.model_version}, {found.verdict}"
