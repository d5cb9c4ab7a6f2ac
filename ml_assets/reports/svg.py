"""Drawing in SVG text: escaped elements, linear scales, round ticks. Colours come from CSS."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)
RESOLUTION = 1e-9
SMALLEST = 1e-300
"""Below it a part of a span may be no number that can be divided by."""


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """One element; children and attribute values are escaped unless already Markup.

    A trailing underscore of an attribute's name is dropped, other underscores become dashes,
    floats are rounded to 0.01, and an attribute that is None is left out.
    """
    pairs = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    ]
    start = Markup("<{}{}").format(name, Markup("").join(pairs))
    if not children:
        return start + Markup("/>")
    return start + Markup(">{}</{}>").format(join(children), name)


def join(parts: Iterable[str]) -> Markup:
    """Parts one after the other, each escaped unless already Markup."""
    return Markup("").join(parts)


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(value)


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] onto [start, end] linearly; an empty domain maps to the middle."""

    low: float
    high: float
    start: float
    end: float

    def __post_init__(self) -> None:
        """Raise ValueError for a bound that is not finite or a domain that is turned round."""
        if not all(map(math.isfinite, (self.low, self.high, self.start, self.end))):
            raise ValueError(f"A scale needs finite bounds, not {self}.")
        if self.low > self.high:
            raise ValueError(f"A scale's domain rises, not {self.low} to {self.high}.")

    def __call__(self, value: float) -> float:
        """Return the position of `value`; one outside the domain lands on the nearer end."""
        width = self.high - self.low
        share = 0.5 if width == 0 else min(1.0, max(0.0, (value - self.low) / width))
        return self.start * (1 - share) + self.end * share

    def ticks(self, most: int = 6) -> list[float]:
        """Round values inside the domain, at most `most`, rising."""
        return ticks(self.low, self.high, most)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten inside [low, high], at most `most`."""
    if high - low <= max(RESOLUTION * max(abs(low), abs(high)), SMALLEST):
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * factor for factor in STEPS):
        first, last = math.ceil(low / step - RESOLUTION), math.floor(high / step + RESOLUTION)
        if last - first + 1 <= most:
            return [min(high, max(low, n * step)) for n in range(first, last + 1)]
    return [low]


def domain(values: Sequence[float], pad: float = 0.08) -> tuple[float, float]:
    """Bounds of the finite values, widened by the share `pad`; (0, 1) for none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    margin = (high - low) * pad or abs(high) * pad or 1.0
    return low - margin, high + margin


def path(points: Iterable[tuple[float, float]]) -> str:
    """Return the `d` attribute of straight lines through the points."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
