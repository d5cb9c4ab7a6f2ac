"""Broken data: what no change of the world explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.monitors.absences import Absences


@dataclass(frozen=True)
class Missing:
    """The share of rows without a value in one feature, beside the worst window before."""

    feature: str
    share: float
    worst: float
    """The largest share that as many days in a row had in the reference."""
    limit: float

    @property
    def broken(self) -> bool:
        """Whether more is missing than a change of the world explains."""
        return self.share > self.limit

    def __str__(self) -> str:
        return (
            f"{self.feature} is NULL in {self.share:.1%} of rows, at most {self.worst:.1%} before"
        )


def missing(
    reference: Absences, shares: Mapping[str, float], length: int, allowed: float
) -> list[Missing]:
    """Return every feature's missing share, those farthest beyond their limit first.

    `shares` is by feature, of a window of `length` days. A share above the worst that as many days
    in a row had in the reference plus `allowed` is broken: one day without a column excuses a day,
    not a month.
    """
    found = []
    for name in reference.absent:
        if name not in shares:
            continue
        worst = reference.worst(name, length)
        found.append(Missing(name, shares[name], worst, min(worst + allowed, 1.0)))
    return sorted(found, key=lambda item: (item.limit - item.share, item.feature))
