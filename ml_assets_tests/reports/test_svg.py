from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup

from ml_assets.reports.svg import Scale, domain, path, tag, ticks

from .pages import Page

numbers = st.floats(-1e9, 1e9)
domains = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


@given(domains, numbers, st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_scale_never_leaves_its_range(
    bounds: tuple[float, float], value: float, start: float, end: float
) -> None:
    position = Scale(*bounds, start, end)(value)
    assert min(start, end) - 1e-6 <= position <= max(start, end) + 1e-6


@given(domains, numbers, numbers)
def test_scale_keeps_the_order(bounds: tuple[float, float], a: float, b: float) -> None:
    scale = Scale(*bounds, 0.0, 500.0)
    assert scale(min(a, b)) <= scale(max(a, b)) + 1e-9


@given(domains)
def test_scale_maps_its_ends_onto_the_ends(bounds: tuple[float, float]) -> None:
    low, high = bounds
    scale = Scale(low, high, 10.0, 90.0)
    expected = (50.0, 50.0) if low == high else (10.0, 90.0)
    assert (scale(low), scale(high)) == pytest.approx(expected)


def test_scale_can_run_downwards() -> None:
    assert Scale(0.0, 10.0, 100.0, 0.0)(2.5) == 75.0


@pytest.mark.parametrize(("low", "high"), [(float("nan"), 1.0), (0.0, float("inf")), (2.0, 1.0)])
def test_scale_refuses_bounds_that_mean_nothing(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="A scale"):
        Scale(low, high, 0.0, 1.0)


@example((0.0, 5e-324), 6)
@given(domains, st.integers(2, 12))
def test_ticks_are_few_rising_and_inside(bounds: tuple[float, float], most: int) -> None:
    low, high = bounds
    found = ticks(low, high, most)
    assert 1 <= len(found) <= most
    assert found == sorted(set(found))
    assert all(low <= value <= high for value in found)


def test_ticks_are_round() -> None:
    assert ticks(0.0, 1.0) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(0.43, 0.55) == pytest.approx([0.44, 0.46, 0.48, 0.5, 0.52, 0.54])
    assert ticks(3.0, 3.0) == [3.0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_domain_holds_all_finite_values(values: list[float]) -> None:
    low, high = domain(values)
    assert low < high
    assert all(low <= value <= high for value in values if abs(value) < float("inf"))


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_tag_escapes_text_and_attributes(text: str) -> None:
    page = Page(tag("text", text, aria_label=text))
    assert page.tags == ["text"]
    assert "".join(page.words) == text
    assert ("aria-label", text) in page.attributes


def test_tag_keeps_markup_and_leaves_out_none() -> None:
    assert tag("g", Markup("<a/>"), class_="x", x=1.005, y=None) == (
        Markup('<g class="x" x="1"><a/></g>')
    )


def test_path_joins_points() -> None:
    assert path([(0, 1), (2.26, 3)]) == "M0.0,1.0L2.3,3.0"
