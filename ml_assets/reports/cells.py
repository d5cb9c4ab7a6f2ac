"""Small graphics inside table cells; the numbers stand beside them, so they are decoration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.reports.svg import Scale, domain, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ml_assets.ml.results import Estimate

WIDTH, HEIGHT = 170, 22
EDGE = 6
THINNEST = 0.01


def interval_scale(estimates: Sequence[Estimate | None], reference: float | None = None) -> Scale:
    """One scale for a column of intervals, which the reference line also fits into."""
    values = [bound for e in estimates if e is not None for bound in (e.low, e.value, e.high)]
    low, high = domain(values if reference is None else [*values, reference], 0.02)
    return Scale(low, high, EDGE, WIDTH - EDGE)


def interval(
    scale: Scale,
    own: Estimate | None,
    other: Estimate | None = None,
    reference: float | None = None,
) -> Markup:
    """Return the model's interval above the best baseline's, over a thin reference line."""
    marks: list[Markup] = []
    if reference is not None:
        x = scale(reference)
        marks.append(tag("line", x1=x, x2=x, y1=0, y2=HEIGHT, class_="whole"))
    rows = [(own, "model", 7 if other else HEIGHT // 2), (other, "best", 16)]
    marks += [_whisker(scale, e, kind, y) for e, kind, y in rows if e is not None]
    return _cell("interval", join(marks))


def _whisker(scale: Scale, estimate: Estimate, kind: str, y: int) -> Markup:
    left, right = scale(estimate.low), scale(estimate.high)
    return tag("line", x1=left, x2=right, y1=y, y2=y, class_=f"bar-{kind}") + tag(
        "circle", cx=scale(estimate.value), cy=y, r=3.5, class_=f"dot-{kind}"
    )


def bar(share: float) -> Markup:
    """Return a bar of `share`, 0 to 1, of the cell's width."""
    width = Scale(0.0, 1.0, 0.0, float(WIDTH))(share)
    return _cell("wide", tag("rect", x=0, y=6, width=width, height=10, rx=2, class_="column"))


def stack(parts: Sequence[tuple[str, int]]) -> Markup:
    """Parts of a whole side by side, each as (CSS class, rows); a part never vanishes."""
    present = [(kind, rows) for kind, rows in parts if rows > 0]
    total = sum(rows for _, rows in present)
    widths = [max(THINNEST, rows / total) for _, rows in present]
    marks: list[Markup] = []
    x = 0.0
    for (kind, _), share in zip(present, widths, strict=True):
        width = WIDTH * share / sum(widths)
        marks.append(tag("rect", x=x, y=6, width=width, height=10, class_=f"part-{kind}"))
        x += width
    return _cell("wide", join(marks))


def _cell(kind: str, marks: Markup) -> Markup:
    return tag(
        "svg",
        marks,
        class_=f"cell {kind}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none" if kind == "wide" else None,
        aria_hidden="true",
    )
