"""Text in columns, as the drills print it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

LISTED = 3
"""Partitions that are named one by one; of more the first and the last."""


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> Iterator[str]:
    """Yield head and rows in columns, those named in `right` flush right; nothing without rows."""
    if not rows:
        return
    lines, numbers = [head, *rows], right.split(",")
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    for line in lines:
        cells = (
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def listed(keys: Sequence[str | None]) -> str:
    """Return partitions in few words, `-` for a table that is stored whole."""
    named = sorted({key for key in keys if key is not None})
    if not named:
        return "-"
    if len(named) <= LISTED:
        return ", ".join(named)
    return f"{named[0]} to {named[-1]} ({len(named)})"


def minute(moment: datetime | None) -> str:
    """Return an instant to the minute, in the zone it bears: the lake's are in UTC."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
