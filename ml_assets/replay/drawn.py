"""A metric over the partitions of a replay, with a mark where another version went live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.reports import formats
from ml_assets.reports.charts import HEIGHT, WIDTH
from ml_assets.reports.plot import (
    Plot,
    category_axis,
    chart,
    dot,
    error_bar,
    plot,
    tooltip,
    y_axis,
)
from ml_assets.reports.svg import domain, join, path, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ml_assets.replay.table import Period


def over_time(periods: Sequence[Period], key: str, name: str) -> Markup:
    """Metric `key`, called `name`, of each partition with its 95 % interval."""
    known = [period.metrics[key] for period in periods if key in period.metrics]
    values = [bound for found in known for bound in (found.low, found.value, found.high)]
    area = plot((-0.5, len(periods) - 0.5), domain(values), WIDTH, HEIGHT)
    return chart(
        area,
        f"{name} by partition with 95 % intervals; dashed lines where a version went live.",
        y_axis(area, name),
        category_axis(area, [period.partition for period in periods]),
        join(_went_live(area, index, p) for index, p in enumerate(periods) if p.promoted),
        join(_mark(area, index, p, key) for index, p in enumerate(periods) if key in p.metrics),
    )


def _went_live(area: Plot, index: int, period: Period) -> Markup:
    """Draw the line behind the partition: what went live scores the next one."""
    x = area.x(index + 0.5)
    line = tag("path", d=path([(x, area.y(area.y.low)), (x, area.y(area.y.high))]), class_="guide")
    label = tag("text", f"v{period.after}", x=x - 4, y=area.y(area.y.high) + 10, class_="end")
    return tooltip(f"Version {period.after} goes live. {period.gate}", line, label)


def _mark(area: Plot, index: int, period: Period, key: str) -> Markup:
    found, x = period.metrics[key], area.x(float(index))
    places = formats.places_of(found)
    text = (
        f"{formats.partition(period.partition)}, version {period.version}: "
        f"{formats.number(found.value, places)} ({formats.interval(found, places)}), "
        f"{formats.count(period.rows)} rows"
    )
    bar = error_bar(x, area.y(found.low), area.y(found.high), "model")
    return tooltip(text, bar, dot(x, area.y(found.value), "model"))
