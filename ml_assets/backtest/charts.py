"""The backtest's charts: a policy's regret by partition, with what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.reports import formats
from ml_assets.reports.plot import BOTTOM, Plot, category_axis, chart, dot, plot, tooltip, y_axis
from ml_assets.reports.svg import domain, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ml_assets.backtest.compare import Comparison, Result
    from ml_assets.backtest.course import Event

WIDTH, HEIGHT = 520, 220
FILLED = 0.6
"""Share of a partition's width that its bar takes."""


def regret_charts(found: Comparison) -> dict[str, Markup]:
    """Return per policy its regret by partition, all on one scale."""
    values = [one.value for result in found.results for one in result.regret]
    scale = domain([0.0, *values])
    return {
        result.course.policy.name: _regret(found, result, scale)
        for result in found.results
        if result is not found.results[1]
    }


def _regret(found: Comparison, result: Result, scale: tuple[float, float]) -> Markup:
    area = plot((-0.5, len(found.keys) - 0.5), scale, WIDTH, HEIGHT)
    name = result.course.policy.name
    return chart(
        area,
        f"Regret of {name} by partition; the table below has the numbers.",
        y_axis(area, "", most=5),
        category_axis(area, found.keys, most=9),
        _bars(area, found.keys, result),
        _marks(area, found.keys, result.course.events),
    )


def _bars(area: Plot, keys: Sequence[str], result: Result) -> Markup:
    zero, bars = area.y(0.0), []
    for index, (key, one) in enumerate(zip(keys, result.regret, strict=True)):
        left, right = area.x(index - FILLED / 2), area.x(index + FILLED / 2)
        top = min(zero, area.y(one.value))
        text = (
            f"{formats.partition(key)}: {formats.number(one.value, 4)} ({formats.interval(one, 4)})"
        )
        height = abs(area.y(one.value) - zero)
        bars.append(
            tooltip(
                text,
                tag("rect", x=left, y=top, width=right - left, height=height, class_="column"),
            )
        )
    line = tag("line", x1=area.x(-0.5), x2=area.x(len(keys) - 0.5), y1=zero, y2=zero, class_="axis")
    return join([*bars, line])


def _marks(area: Plot, keys: Sequence[str], events: Sequence[Event]) -> Markup:
    """Return a dot after the partition whose closing led to a retraining."""
    marks = []
    for event in events:
        if event.retrained is None or event.tick.key not in keys:
            continue
        x, y = area.x(keys.index(event.tick.key) + 0.5), float(area.height - BOTTOM)
        kind = "model" if event.retrained.live else "best"
        what = "went live" if event.retrained.live else "stayed behind the gate"
        text = f"Retrained after {formats.partition(event.tick.key)}, {what}"
        marks.append(tooltip(text, dot(x, y, kind)))
    return join(marks)
