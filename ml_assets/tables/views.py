"""What a monitor looks at: one window of a version's days, beside its reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.sql.names import qualified
from ml_assets.tables.days import read_days

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.monitors.days import Days
    from ml_assets.monitors.reference import Reference
    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class View:
    """One window of one version, and everything the version did before it."""

    name: str
    """The partition the window ends with."""
    version: int
    ends: datetime
    """End of the window: the event time of what is found in it."""
    last: date
    """Local date of its last day."""
    length: int
    """Days of the window."""
    step: int
    """Days from one window to the next: of the partition, where windows reach further back."""
    reference: Reference
    days: Days
    """All days of the version up to the window's end."""
    since: np.datetime64
    """The first of them that no retraining has answered yet: evidence is added up from there."""

    @property
    def window(self) -> Days:
        """The days of the window."""
        return self._block(0)

    @property
    def past(self) -> list[tuple[str, Days]]:
        """The version's earlier windows of the same length, oldest first, by their last day."""
        first = self.days.dates[0] if len(self.days) else self._end
        found = []
        number = 1
        while self._end - np.timedelta64(number * self.length, "D") > first:
            block = self._block(number)
            if len(block):
                found.append((str(block.dates[-1]), block))
            number += 1
        return found[::-1]

    @property
    def first_day(self) -> np.datetime64:
        """The first day of the window."""
        return self._end - np.timedelta64(self.length, "D")

    @property
    def _end(self) -> np.datetime64:
        end: np.datetime64 = np.datetime64(self.last) + np.timedelta64(1, "D")
        return end

    def _block(self, number: int) -> Days:
        last = self._end - np.timedelta64(number * self.length, "D")
        first = last - np.timedelta64(self.length, "D")
        return self.days.take((self.days.dates >= first) & (self.days.dates < last))


def views(
    con: DuckDBPyConnection, pipeline: Pipeline, references: Callable[[int], Reference]
) -> Callable[[str, datetime | None], View | None]:
    """Return what gives the view of a partition from what is counted now, which is read once.

    It takes the partition's key and the event time up to which a retraining has answered what was
    found, and gives None where nothing was counted.
    """
    counted = qualified(pipeline.name, "monitoring", "days")
    versions = dict(
        con.execute(f"SELECT _partition, max(model_version) FROM {counted} GROUP BY ALL").fetchall()
    )
    days = cache(lambda version: read_days(con, pipeline, version))

    def view(key: str, answered: datetime | None) -> View | None:
        version = versions.get(key)
        if version is None:
            return None
        last = np.datetime64(pipeline.partitions.days(key)[1])
        upto = days(version).take(days(version).dates <= last)
        return make_view(pipeline, key, version, references(version), upto, answered)

    return view


def make_view(
    pipeline: Pipeline,
    key: str,
    version: int,
    reference: Reference,
    days: Days,
    answered: datetime | None,
) -> View:
    """Return the view of the partition `key`; `days` are all that `version` scored up to its end.

    There is at least one of them. Up to `answered`, an event time, a retraining has answered.
    """
    first, last = pipeline.partitions.days(key)
    own = (last - first).days + 1
    return View(
        key,
        version,
        pipeline.partitions.window(key).end,
        last,
        max(own, pipeline.declaration.monitoring.window_days),
        own,
        reference,
        days,
        _since(pipeline, days, answered),
    )


def _since(pipeline: Pipeline, days: Days, answered: datetime | None) -> np.datetime64:
    first: np.datetime64 = days.dates[0]
    if answered is None:
        return first
    return max(first, np.datetime64(pipeline.partitions.local(answered).date()))
