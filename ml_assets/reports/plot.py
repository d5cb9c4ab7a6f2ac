"""The frame of a chart: its area, axes, grid and marks with a tooltip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.reports import formats
from ml_assets.reports.svg import Scale, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 54


@dataclass(frozen=True)
class Plot:
    """A drawing area of `width` x `height` units with its two scales."""

    width: int
    height: int
    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of a data point."""
        return self.x(x), self.y(y)


def plot(x: tuple[float, float], y: tuple[float, float], width: int, height: int) -> Plot:
    """Return a plot with room for axis labels around the domains `x` and `y`."""
    return Plot(
        width,
        height,
        Scale(*x, LEFT, width - RIGHT),
        Scale(*y, height - BOTTOM, TOP),
    )


def chart(area: Plot, label: str, *marks: str) -> Markup:
    """Return the whole image with `label` as its text alternative."""
    return tag(
        "svg",
        *marks,
        class_="chart",
        viewBox=f"0 0 {area.width} {area.height}",
        role="img",
        aria_label=label,
    )


def y_axis(area: Plot, title: str, most: int = 6) -> Markup:
    """Grid lines with values at the left and the axis title above them."""
    values = area.y.ticks(most)
    places = tick_places(values)
    lines = [
        tag("line", class_="grid", x1=LEFT, x2=area.width - RIGHT, y1=area.y(v), y2=area.y(v))
        + tag("text", formats.number(v, places), x=LEFT - 8, y=area.y(v) + 4, class_="end")
        for v in values
    ]
    return join([*lines, tag("text", title, x=4, y=16, class_="title")])


def x_axis(area: Plot, title: str, most: int = 6) -> Markup:
    """Return the base line with values below it and the axis title at the bottom."""
    values = area.x.ticks(most)
    places = tick_places(values)
    labels = [
        tag(
            "text",
            formats.number(v, places),
            x=area.x(v),
            y=area.height - BOTTOM + 20,
            class_="mid",
        )
        for v in values
    ]
    middle = (LEFT + area.width - RIGHT) / 2
    text = tag("text", title, x=middle, y=area.height - 8, class_="mid title")
    return join([_base_line(area), *labels, text])


def category_axis(area: Plot, keys: Sequence[str], most: int = 12) -> Markup:
    """Return the base line with partition labels, thinned to at most `most`; the year only once."""
    step = -(-len(keys) // most) if keys else 1
    labels: list[Markup] = [_base_line(area)]
    shown = ""
    for index in range(0, len(keys), step):
        head, _, year = formats.partition(keys[index]).rpartition(" ")
        x, y = area.x(float(index)), area.height - BOTTOM + 20
        labels.append(tag("text", head or year, x=x, y=y, class_="mid"))
        if head and year != shown:
            labels.append(tag("text", year, x=x, y=y + 18, class_="mid title"))
            shown = year
    return join(labels)


def error_bar(x: float, low: float, high: float, kind: str) -> Markup:
    """Return a vertical interval with small caps, in drawing units."""
    caps = f"M{x - 3:.1f},{low:.1f}h6M{x - 3:.1f},{high:.1f}h6M{x:.1f},{low:.1f}V{high:.1f}"
    return tag("path", d=caps, class_=f"bar-{kind}")


def dot(x: float, y: float, kind: str, radius: float = 4.0) -> Markup:
    """Return a filled point, in drawing units."""
    return tag("circle", cx=x, cy=y, r=radius, class_=f"dot-{kind}")


def tooltip(text: str, *marks: str) -> Markup:
    """Return marks that show `text` when pointed at."""
    return tag("g", tag("title", text), *marks)


def tick_places(values: Sequence[float]) -> int:
    """Decimals that tell neighbouring tick values apart, at most 6."""
    for places in range(formats.MOST_DECIMALS):
        if all(abs(round(v, places) - v) < 1e-9 * max(1.0, abs(v)) for v in values):
            return places
    return formats.MOST_DECIMALS


def _base_line(area: Plot) -> Markup:
    y = area.height - BOTTOM
    return tag("line", class_="axis", x1=LEFT, x2=area.width - RIGHT, y1=y, y2=y)
