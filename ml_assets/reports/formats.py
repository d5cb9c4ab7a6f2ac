"""Numbers, dates and partition keys as a reader wants them."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.ml.results import Estimate

MINUS = "\u2212"
SIGNIFICANT = 3
MOST_DECIMALS = 6
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def decimals(values: Iterable[float]) -> int:
    """Decimals that give the largest of `values` three significant digits, 0 to 6."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return SIGNIFICANT
    return min(MOST_DECIMALS, max(0, SIGNIFICANT - 1 - math.floor(math.log10(largest))))


def number(value: float, places: int | None = None) -> str:
    """`value` with thousands separators and a real minus; a zero has no sign."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    text = f"{value:,.{decimals([value]) if places is None else places}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def count(value: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{value:,}".replace("-", MINUS)


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal; a small one never rounds to zero."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{number(100 * share, 1)} %"


def interval(estimate: Estimate, places: int | None = None) -> str:
    """`low to high`, by default with the decimals of `places_of`."""
    if places is None:
        places = places_of(estimate)
    return f"{number(estimate.low, places)} to {number(estimate.high, places)}"


def places_of(estimate: Estimate) -> int:
    """Decimals that suit an estimate and its interval together."""
    return decimals([estimate.value, estimate.low, estimate.high])


def partition(key: str) -> str:
    """Return a month key as `Sep 2013`, a day as `1 Sep 2013`; any other text as it is."""
    try:
        if len(key) == len("2013-09"):
            return _month(date.fromisoformat(f"{key}-01"))
        return day(key) if len(key) == len("2013-09-01") else key
    except ValueError:
        return key


def day(text: str) -> str:
    """Return an ISO date or instant as `1 Sep 2013`, with the time unless midnight."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    shown = f"{moment.day} {_month(moment.date())}"
    return shown if (moment.hour, moment.minute) == (0, 0) else f"{shown} {moment:%H:%M}"


def instant(moment: datetime) -> str:
    """Return a moment as `1 Sep 2013 14:05 UTC`, with its own time zone's name."""
    return f"{moment.day} {_month(moment.date())} {moment:%H:%M %Z}".rstrip()


def _month(moment: date) -> str:
    return f"{MONTHS[moment.month - 1]} {moment.year}"
