"""The windows of a model as a row of partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.reports.context import Window

TITLES = {"train": "Train", "tune": "Tune", "test": "Test"}


@dataclass(frozen=True)
class Span:
    """One window for the reader."""

    role: str
    title: str
    first: str
    last: str
    start: str
    end: str
    partitions: int


def spans(windows: Sequence[Window]) -> list[Span]:
    """Return the windows in the order train, tune, test; empty ones are left out."""
    ordered = sorted(windows, key=lambda window: list(TITLES).index(window.role))
    return [
        Span(
            role=window.role,
            title=TITLES[window.role],
            first=window.partitions[0],
            last=window.partitions[-1],
            start=window.start,
            end=window.end,
            partitions=len(window.partitions),
        )
        for window in ordered
        if window.partitions
    ]


def cells(windows: Sequence[Window]) -> list[tuple[str, str]]:
    """(partition, role), rising; of several roles test counts first, then tune, then train."""
    roles: dict[str, str] = {}
    for role in TITLES:
        for window in windows:
            if window.role == role:
                roles |= dict.fromkeys(window.partitions, role)
    return sorted(roles.items())


def tuned_inside(windows: Sequence[Window]) -> bool:
    """Whether the tuning partitions are training partitions too."""
    train = {key for window in windows if window.role == "train" for key in window.partitions}
    tune = {key for window in windows if window.role == "tune" for key in window.partitions}
    return bool(tune) and tune <= train
