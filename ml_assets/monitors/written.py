"""Numbers as the monitors' reasons have them: short, and told apart from their limits."""

from __future__ import annotations

import math


def number(value: float, digits: int = 2) -> str:
    """Write so many decimals, or significant digits below .1, without the leading zero."""
    if not math.isfinite(value):
        return f"{value}"
    small = 0 < abs(value) < 0.1 - 0.05 * 10**-digits
    places = digits - 1 - math.floor(math.log10(abs(value))) if small else digits
    text = f"{value:,.{places}f}"
    return text.replace("0.", ".", 1) if text.removeprefix("-").startswith("0.") else text


def beside(value: float, limit: float) -> tuple[str, str]:
    """Write both with two digits, or with more where they would read the same."""
    for digits in range(2, 9):
        texts = number(value, digits), number(limit, digits)
        if texts[0] != texts[1]:
            return texts
    return number(value), number(limit)
