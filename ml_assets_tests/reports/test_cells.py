from __future__ import annotations

from ml_assets.reports import cells

from .pages import Page
from .samples import around


def widths(markup: str) -> list[float]:
    return [float(value) for name, value in Page(markup).attributes if name == "width"]


def test_stack_shows_the_smallest_part_and_fills_the_cell() -> None:
    drawn = widths(cells.stack([("kept", 336_775), ("rejected", 1), ("duplicate", 0)]))
    assert len(drawn) == 2
    assert min(drawn) > 1
    assert abs(sum(drawn) - cells.WIDTH) < 0.1
    assert widths(cells.stack([("kept", 0)])) == []


def test_bar_is_as_long_as_its_share() -> None:
    assert widths(cells.bar(0.5)) == [cells.WIDTH / 2]


def test_interval_draws_what_there_is() -> None:
    own, other = around(0.7, 0.02), around(0.6, 0.02)
    scale = cells.interval_scale([own, other, None], 0.65)
    assert Page(cells.interval(scale, own, other, 0.65)).tags.count("circle") == 2
    assert Page(cells.interval(scale, own)).tags.count("circle") == 1
