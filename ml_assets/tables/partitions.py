"""Time windows: their keys, bounds as instants, and the SQL that assigns rows to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ml_assets import clock
from ml_assets.errors import DeclarationError
from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from ml_assets.tables.declaration import PartitionSpec

FORMATS = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True)
class Window:
    """One partition: its key and the instants [start, end) it covers, in UTC."""

    key: str
    start: datetime
    end: datetime


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
        limit = self._parse(self.spec.end) if self.spec.end else None
        moment = (now or clock.now()).astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        keys, current = [], self._parse(self.spec.start)
        while current <= limit if limit is not None else self._next(current) <= moment:
            keys.append(current.strftime(self.format))
            current = self._next(current)
        return keys

    def overlapping(self, start: datetime, end: datetime) -> list[str]:
        """Return the keys of the windows that hold an instant of [start, end)."""
        windows = (self.window(key) for key in self.keys(now=end))
        return [window.key for window in windows if window.end > start and window.start < end]

    def window(self, key: str) -> Window:
        """Return the window of `key`; raises DeclarationError for a key that is none."""
        local = self._parse(key)
        zone = ZoneInfo(self.time_zone)
        start, end = (
            moment.replace(tzinfo=zone).astimezone(UTC) for moment in (local, self._next(local))
        )
        return Window(key, start, end)

    def after(self, key: str) -> str:
        """Return the key of the window that follows `key`'s."""
        return self._next(self._parse(key)).strftime(self.format)

    def local_day(self, moment: datetime) -> str:
        """Return the ISO date of an instant in the pipeline's time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date().isoformat()

    def key_sql(self, local: str) -> str:
        """Return SQL for the key of the window that holds `local`, a local DATE or TIMESTAMP."""
        unit = literal(self.spec.every)
        return f"strftime(date_trunc({unit}, {local}), {literal(self.format)})"

    def _parse(self, key: str) -> datetime:
        try:
            moment = datetime.strptime(key, self.format)  # noqa: DTZ007 - local on purpose
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
