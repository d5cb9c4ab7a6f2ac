"""The page of the loop: what the monitors say, what was decided and what went live, in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml_assets.reports import formats
from ml_assets.reports.plot import Plot, category_axis, chart, dot, plot, tooltip, y_axis
from ml_assets.reports.report import environment
from ml_assets.reports.svg import domain, join, path, tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from markupsafe import Markup

WIDTH, HEIGHT = 520, 250


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One value of a panel."""

    at: str
    """Partition key or ISO day, one of the panel's."""
    value: float
    text: str
    alarm: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One measure over the windows that were looked at, oldest first."""

    name: str
    note: str
    keys: Sequence[str]
    own: Sequence[Mark]
    other: Sequence[Mark] = ()
    """What stands beside it, such as the estimate beside the loss."""
    limits: Sequence[Sequence[tuple[str, float]]] = ()
    """Lines beyond which a window is an alarm."""
    level: float | None = None
    """Where it would be if all were well."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a table: when, what, and why."""

    at: datetime | str
    what: str
    why: str
    kind: str = ""
    """good, bad or nothing."""


@dataclass(frozen=True, kw_only=True)
class Mover:
    """A feature that moved, with its histograms as bars of text."""

    feature: str
    psi: float
    limit: float | None
    importance: float
    before: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Everything that the page shows."""

    pipeline: str
    question: str
    champion: str
    decision: Line | None
    verdicts: Sequence[Line]
    panels: Sequence[Panel]
    movers: Sequence[Mover]
    moved_in: str
    decisions: Sequence[Line]
    promotions: Sequence[Line]
    facts: dict[str, str] = field(default_factory=dict)


def render(watch: Watch) -> str:
    """Return the page as HTML text; everything from data is escaped."""
    drawn = [(panel, draw(panel)) for panel in watch.panels if panel.own or panel.other]
    return environment().get_template("watch.html").render(w=watch, drawn=drawn)


def draw(panel: Panel) -> Markup:
    """Return the panel as a chart; windows in alarm are marked."""
    places = {key: float(index) for index, key in enumerate(panel.keys)}
    bounds = [mark.value for mark in (*panel.own, *panel.other)]
    bounds += [value for line in panel.limits for _, value in line]
    bounds += [] if panel.level is None else [panel.level]
    area = plot((-0.5, len(places) - 0.5), domain(bounds), WIDTH, HEIGHT)
    return chart(
        area,
        f"{panel.name} by window; {panel.note}",
        y_axis(area, panel.name, most=5),
        category_axis(area, panel.keys, most=8),
        _level(area, panel.level),
        *(_limit(area, places, line) for line in panel.limits if line),
        _line(area, places, panel.other, "best"),
        _line(area, places, panel.own, "model"),
    )


def _limit(area: Plot, places: dict[str, float], line: Sequence[tuple[str, float]]) -> Markup:
    points = [area.at(places[key], value) for key, value in line]
    return tag("path", d=path(points), class_="guide")


def _level(area: Plot, level: float | None) -> Markup:
    if level is None:
        return join([])
    ends = [area.at(area.x.low, level), area.at(area.x.high, level)]
    return tag("path", d=path(ends), class_="whole")


def _line(area: Plot, places: dict[str, float], marks: Sequence[Mark], kind: str) -> Markup:
    if not marks:
        return join([])
    points = [area.at(places[mark.at], mark.value) for mark in marks]
    dots = (
        tooltip(
            f"{formats.partition(mark.at)}: {mark.text}",
            dot(*point, "alarm" if mark.alarm else kind, 5.0 if mark.alarm else 3.0),
        )
        for mark, point in zip(marks, points, strict=True)
    )
    return join([tag("path", d=path(points), class_=f"line-{kind}"), *dots])
