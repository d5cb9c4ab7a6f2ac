from __future__ import annotations

import pytest

from ml_assets.monitors.written import beside, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.214, "1.21"),
        (0.876, ".88"),
        (-0.5, "-.50"),
        (0.0314, ".031"),
        (-0.00271, "-.0027"),
        (0.0, ".00"),
        (0.0996, ".10"),
        (12345.6, "12,345.60"),
        (10.0, "10.00"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "limit", "texts"),
    [
        (0.31, 0.3, (".31", ".30")),
        (0.1312, 0.1285, (".131", ".129")),
        (0.03141, 0.03144, (".03141", ".03144")),
        (5.0, 5.0, ("5.00", "5.00")),
    ],
)
def test_a_number_and_its_limit_read_the_same_only_where_they_are(
    value: float, limit: float, texts: tuple[str, str]
) -> None:
    assert beside(value, limit) == texts
