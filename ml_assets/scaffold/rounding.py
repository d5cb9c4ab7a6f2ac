"""Numbers with one significant digit, so that a limit looks like one that somebody chose."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def round_down(value: float) -> float:
    """Return the largest number not above `value` with one significant digit."""
    return _rounded(value, ROUND_FLOOR)


def round_up(value: float) -> float:
    """Return the smallest number not below `value` with one significant digit."""
    return _rounded(value, ROUND_CEILING)


def _rounded(value: float, direction: str) -> float:
    exact = Decimal(repr(value))
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted()), direction)) if value else 0.0
