from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.ml.results import Estimate
from ml_assets.reports import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.75372, "0.754"),
        (23.04, "23.0"),
        (1048.36, "1,048"),
        (-0.0134, "\u22120.0134"),
        (0.0, "0.000"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
    ],
)
def test_number_has_three_significant_digits(value: float, text: str) -> None:
    assert formats.number(value) == text


def test_a_rounded_zero_has_no_sign() -> None:
    assert formats.number(-0.0001, 2) == "0.00"


@given(st.floats(-1e12, 1e12))
def test_number_reads_back_within_its_precision(value: float) -> None:
    text = formats.number(value).replace(",", "").replace(formats.MINUS, "-")
    assert abs(float(text) - value) <= max(0.5, abs(value) * 0.005)


def test_percent_never_rounds_a_few_rows_to_none() -> None:
    assert formats.percent(0.218) == "21.8 %"
    assert formats.percent(3 / 336776) == "< 0.1 %"
    assert formats.percent(1 - 3 / 336776) == "> 99.9 %"
    assert formats.percent(0.0) == "0.0 %"
    assert formats.percent(1.0) == "100.0 %"


def test_an_interval_and_its_value_share_their_decimals() -> None:
    estimate = Estimate(0.983, 0.941, 1.025)
    assert formats.places_of(estimate) == 2
    assert formats.interval(estimate) == "0.94 to 1.02"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("2013-09", "Sep 2013"),
        ("2013-09-01", "1 Sep 2013"),
        ("2013-W36", "2013-W36"),
        ("2013-13", "2013-13"),
        ("all", "all"),
        ("anythin", "anythin"),
    ],
)
def test_partition_keys_read_as_dates(key: str, text: str) -> None:
    assert formats.partition(key) == text


def test_days_and_instants() -> None:
    assert formats.day("2013-09-01T00:00:00") == "1 Sep 2013"
    assert formats.day("2013-09-01 14:30:00") == "1 Sep 2013 14:30"
    assert formats.instant(datetime(2026, 3, 1, 14, 5, tzinfo=UTC)) == "1 Mar 2026 14:05 UTC"
    assert formats.count(336776) == "336,776"
