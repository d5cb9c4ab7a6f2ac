"""The report's charts, each one self-contained SVG with a text alternative."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

from ml_assets.ml.metrics import PROBABILITIES
from ml_assets.ml.results import CalibrationBin, Curve, Estimate, Evaluation, SliceResult
from ml_assets.reports import formats
from ml_assets.reports.plot import (
    Plot,
    category_axis,
    chart,
    dot,
    error_bar,
    plot,
    tooltip,
    x_axis,
    y_axis,
)
from ml_assets.reports.scores import of_baseline, titled
from ml_assets.reports.svg import domain, join, path, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 520, 300
SQUARE = 440
OFFSET = 5.0


def over_time(evaluation: Evaluation, key: str) -> Markup:
    """Metric `key` of each test partition with its interval, the best baseline beside it."""
    parts = evaluation.by_partition
    own = [part.metrics.get(key) if part.metrics else None for part in parts]
    other = [of_baseline(part.metrics, key) if part.metrics else None for part in parts]
    overall = evaluation.candidates[0].metrics[key].value
    known = [estimate for estimate in (*own, *other) if estimate is not None]
    values = [bound for e in known for bound in (e.low, e.value, e.high)]
    area = plot((-0.5, len(parts) - 0.5), domain([*values, overall]), WIDTH, HEIGHT)
    name = titled(evaluation, key)
    offset = OFFSET if any(other) else 0.0
    return chart(
        area,
        f"{name} by test partition with 95 % intervals; the table below has the numbers.",
        y_axis(area, name),
        category_axis(area, [part.value for part in parts]),
        tag("path", d=path([area.at(-0.5, overall), area.at(len(parts), overall)]), class_="whole"),
        _series(area, parts, other, "best", offset),
        _series(area, parts, own, "model", -offset),
    )


def _series(
    area: Plot,
    parts: Sequence[SliceResult],
    estimates: Sequence[Estimate | None],
    kind: str,
    offset: float,
) -> Markup:
    marks: list[Markup] = []
    for index, (part, estimate) in enumerate(zip(parts, estimates, strict=True)):
        if estimate is None:
            continue
        x, y = area.x(float(index)) + offset, area.y(estimate.value)
        text = f"{formats.partition(part.value)}, {kind if kind == 'model' else 'best baseline'}: "
        text += f"{_shown(estimate)}, "
        text += f"{formats.count(part.rows)} rows"
        bar = error_bar(x, area.y(estimate.low), area.y(estimate.high), kind)
        marks.append(tooltip(text, bar, dot(x, y, kind)))
    return join(marks)


def curves(
    drawn: Mapping[str, Curve], kinds: Mapping[str, str], axes: tuple[str, str], guide: Curve
) -> Markup:
    """Curves on the unit square, the model's on top of the others, with a dashed guide line."""
    area = plot((0.0, 1.0), (0.0, 1.0), SQUARE, SQUARE - 20)
    ordered = sorted(drawn, key=lambda name: kinds.get(name) == "model")
    lines = [
        tooltip(name, _line(area, drawn[name], f"line-{kinds.get(name, 'other-0')}"))
        for name in ordered
    ]
    label = f"{axes[1]} against {axes[0]} of {', '.join(reversed(ordered))}."
    return chart(
        area,
        label,
        y_axis(area, axes[1]),
        x_axis(area, axes[0]),
        _line(area, guide, "guide"),
        *lines,
    )


def _line(area: Plot, curve: Curve, kind: str) -> Markup:
    points = [area.at(x, y) for x, y in zip(curve.x, curve.y, strict=True)]
    return tag("path", d=path(points), class_=kind) if points else Markup("")


def calibration(evaluation: Evaluation) -> Markup:
    """Observed against predicted per score bin on equal axes, with the line of agreement."""
    bins = evaluation.calibration
    bounds = _calibration_domain(evaluation)
    area = plot(bounds, bounds, SQUARE, SQUARE - 20)
    unit = (
        f", {evaluation.unit}"
        if evaluation.unit and evaluation.problem not in PROBABILITIES
        else ""
    )
    return chart(
        area,
        f"Observed against predicted in {len(bins)} score bins, with 95 % intervals.",
        y_axis(area, f"Observed mean{unit}" if unit else "Observed"),
        x_axis(area, f"Predicted mean{unit}" if unit else "Predicted"),
        _line(area, Curve(list(bounds), list(bounds)), "guide"),
        *(_calibration_mark(area, part) for part in bins),
    )


def _calibration_domain(evaluation: Evaluation) -> tuple[float, float]:
    bins = evaluation.calibration
    values = [v for b in bins for v in (b.predicted, b.observed.low, b.observed.high)]
    low, high = domain(values, 0.05)
    return (0.0, min(1.0, high)) if evaluation.problem in PROBABILITIES else (low, high)


def _calibration_mark(area: Plot, part: CalibrationBin) -> Markup:
    x, y = area.at(part.predicted, part.observed.value)
    text = f"Predicted {formats.number(part.predicted)}, observed "
    text += f"{_shown(part.observed)}, "
    text += f"{formats.count(part.rows)} rows"
    bar = error_bar(x, area.y(part.observed.low), area.y(part.observed.high), "model")
    return tooltip(text, bar, dot(x, y, "model"))


def score_density(evaluation: Evaluation) -> Markup | None:
    """Share of rows per unit of score over the calibration bins; None below three bins.

    A bin reaches to the middle between its mean prediction and its neighbours'.
    """
    bins = sorted(evaluation.calibration, key=lambda part: part.predicted)
    centres = [part.predicted for part in bins]
    if len(bins) < 3 or any(a >= b for a, b in pairwise(centres)):
        return None
    middles = [(a + b) / 2 for a, b in pairwise(centres)]
    edges = [2 * centres[0] - middles[0], *middles, 2 * centres[-1] - middles[-1]]
    widths = [b - a for a, b in pairwise(edges)]
    heights = [part.rows / width for part, width in zip(bins, widths, strict=True)]
    area = plot(_calibration_domain(evaluation), (0.0, max(heights)), SQUARE, 150)
    bars = [
        tooltip(
            f"Mean prediction {formats.number(part.predicted)}: {formats.count(part.rows)} rows",
            _column(area, edges[i], edges[i + 1], heights[i]),
        )
        for i, part in enumerate(bins)
    ]
    title = tag("text", "Where the predictions lie", x=4, y=16, class_="title")
    label = "Density of the test rows over the predictions."
    return chart(area, label, title, *bars, x_axis(area, "Predicted"))


def _column(area: Plot, left: float, right: float, height: float) -> Markup:
    x, y, base = area.x(left), area.y(height), area.y(0.0)
    return tag(
        "rect", x=x, y=y, width=max(0.0, area.x(right) - x - 1), height=base - y, class_="column"
    )


def _shown(estimate: Estimate) -> str:
    places = formats.places_of(estimate)
    return f"{formats.number(estimate.value, places)} ({formats.interval(estimate, places)})"
