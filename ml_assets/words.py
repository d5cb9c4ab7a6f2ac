"""Numbers with their nouns, days and minutes, as sentences have them."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, which takes an s unless it is one: `1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def day(moment: datetime) -> str:
    """Write the day of an instant in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def minute(moment: datetime) -> str:
    """Write an instant in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
