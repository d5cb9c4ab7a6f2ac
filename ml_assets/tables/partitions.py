"""Time windows: their keys, bounds as instants, and the SQL that assigns rows to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ml_assets import clock
from ml_assets.errors import DeclarationError
from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.tables.declaration import PartitionSpec

FORMATS = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


# A plan asks for the bounds of every slice's upstream partitions.
@lru_cache(maxsize=10_000)
def _read(key: str, form: str) -> datetime:
    return datetime.strptime(key, form)  # noqa: DTZ007 - local on purpose


@dataclass(frozen=True)
class Window:
    """One partition or several neighbours: the instants [start, end) they cover, in UTC."""

    keys: tuple[str, ...]
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The key, or the first and the last one."""
        return self.keys[0] if len(self.keys) == 1 else f"{self.keys[0]} to {self.keys[-1]}"


@dataclass(frozen=True)
class Partitions:
    """The partitions of one pipeline, local to its time zone."""

    spec: PartitionSpec
    time_zone: str

    def __post_init__(self) -> None:
        """Raise DeclarationError where the time zone or a key cannot be read."""
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise DeclarationError(
                f"time_zone {self.time_zone!r} is not an IANA time zone.",
                "Write one such as America/New_York.",
            ) from error
        first = self._parse(self.spec.start)
        if self.spec.end is not None and self._parse(self.spec.end) < first:
            raise DeclarationError(
                f"partitions end at {self.spec.end}, before they start at {self.spec.start}.",
                "Swap them or drop `end` for a history that goes on.",
            )

    @property
    def format(self) -> str:
        """The strftime format of a key."""
        return FORMATS[self.spec.every]

    def keys(self, now: datetime | None = None) -> list[str]:
        """Return the keys from start to the declared end, or to the last window over at `now`."""
        return [*self._keys_from(self._parse(self.spec.start), now or clock.now())]

    def overlapping(self, start: datetime, end: datetime) -> list[str]:
        """Return the keys of the windows that hold an instant of [start, end).

        Where the history is open, only windows that are over at `end`.
        """
        first = max(self._floor(self._wall(start)), self._parse(self.spec.start))
        found = []
        for key in self._keys_from(first, end):
            window = self.window(key)
            if window.start >= end:
                break
            if window.end > start:
                found.append(key)
        return found

    def window(self, *keys: str) -> Window:
        """Return the window of neighbouring `keys`; DeclarationError for a key that is none."""
        zone = ZoneInfo(self.time_zone)
        first, last = self._parse(keys[0]), self._next(self._parse(keys[-1]))
        start, end = (moment.replace(tzinfo=zone).astimezone(UTC) for moment in (first, last))
        return Window(keys, start, end)

    def closing(self, moment: datetime) -> datetime:
        """Return the first instant from `moment` on at which a window ends."""
        last = self._floor(self._wall(moment - timedelta.resolution))
        return self.window(last.strftime(self.format)).end

    def after(self, key: str) -> str:
        """Return the key of the window that follows `key`'s."""
        return self._next(self._parse(key)).strftime(self.format)

    def holding(self, day: date) -> str:
        """Return the key of the window that the local `day` is in."""
        return self._floor(datetime.combine(day, time())).strftime(self.format)

    def local(self, moment: datetime) -> datetime:
        """Return the instant by local clocks."""
        return moment.astimezone(ZoneInfo(self.time_zone))

    def days(self, key: str) -> tuple[date, date]:
        """Return the first and the last local day of the partition `key`."""
        window = self.window(key)
        last = window.end - timedelta(microseconds=1)
        return self.local(window.start).date(), self.local(last).date()

    def key_sql(self, local: str) -> str:
        """Return SQL for the key of the window that holds `local`, a local DATE or TIMESTAMP."""
        unit = literal(self.spec.every)
        return f"strftime(date_trunc({unit}, {local}), {literal(self.format)})"

    def _keys_from(self, first: datetime, now: datetime) -> Iterator[str]:
        """Yield the keys from the window that begins at local `first` to the last one at `now`."""
        limit = self._parse(self.spec.end) if self.spec.end else None
        moment, current = self._wall(now), first
        while current <= limit if limit is not None else self._next(current) <= moment:
            yield current.strftime(self.format)
            current = self._next(current)

    def _wall(self, moment: datetime) -> datetime:
        return self.local(moment).replace(tzinfo=None)

    def _floor(self, local: datetime) -> datetime:
        """Return the local midnight at which the window of `local` begins."""
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.spec.every == "week":
            return day - timedelta(days=day.weekday())
        return day if self.spec.every == "day" else day.replace(day=1)

    def _parse(self, key: str) -> datetime:
        try:
            moment = _read(key, self.format)
        except ValueError as error:
            example = date(2013, 1, 7).strftime(self.format)
            raise DeclarationError(
                f"{key!r} is not the key of a {self.spec.every}.", f"Write it like {example}."
            ) from error
        if self.spec.every == "week" and moment.weekday() != 0:
            raise DeclarationError(
                f"{key!r} is not a Monday, on which weeks start.",
                f"Write {(moment - timedelta(days=moment.weekday())).strftime(self.format)}.",
            )
        return moment

    def _next(self, local: datetime) -> datetime:
        if self.spec.every == "day":
            return local + timedelta(days=1)
        if self.spec.every == "week":
            return local + timedelta(days=7)
        return (local.replace(day=1) + timedelta(days=32)).replace(day=1)
