"""How the history is cut: partitions without a hole, and which of them tune and test."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.errors import DataError
from ml_assets.scaffold.holes import newest_whole
from ml_assets.scaffold.present import days_in_four_weeks, later, rows_later
from ml_assets.scaffold.rounding import round_down, round_up
from ml_assets.sql.names import literal
from ml_assets.tables.declaration import PartitionSpec
from ml_assets.tables.partitions import Partitions
from ml_assets.words import counted

if TYPE_CHECKING:
    import duckdb

    from ml_assets.scaffold.moment import Moment
    from ml_assets.scaffold.table import Table
    from ml_assets.scaffold.target import Target
    from ml_assets.tables.declaration import Every

UNITS: tuple[Every, ...] = ("month", "week", "day")
ENOUGH = 8
"""Partitions from which on a longer unit is taken: five train, one tunes, two test."""
FEWEST = 3
"""One to train, one to tune, one to test."""


@dataclass(frozen=True)
class Calendar:
    """The history's partitions with their rows, and the split of them."""

    every: Every
    counts: dict[str, int]
    """Partition to rows, in time order, without a hole."""
    older: int
    """Rows before the first partition, left out."""
    future: int
    """Rows later than now, which no partition counts."""
    waiting: int
    """Rows of the partition that is not over yet, which counts once it is."""
    days: float
    """Days with rows in four weeks, on average."""
    closed: bool
    """Whether the newest row is so old that no more are expected."""
    test: int
    tune: int

    @property
    def keys(self) -> list[str]:
        """The partitions in time order."""
        return [*self.counts]

    @property
    def walk_forward_from(self) -> str:
        """The first partition that tests in the walk-forward: from there on half of them."""
        return self.keys[max(len(self.keys) // 2, min(self.tune + 1, len(self.keys) - 1))]

    @property
    def volume(self) -> tuple[float, float]:
        """Rows of a partition over the usual ones, with room: half the least, twice the most."""
        counts = [*self.counts.values()]
        # Slices are judged as they come, and again beside all others.
        ratios = [
            count / median(others)
            for index, count in enumerate(counts)
            for others in (counts[:index], counts[:index] + counts[index + 1 :])
            if others
        ]
        return round_down(min(1.0, *ratios) / 2), round_up(2 * max(1.0, *ratios))


def make_calendar(
    con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, zone: str
) -> Calendar:
    """Return the longest partitions of which there are enough; raises DataError without any."""
    future = rows_later(con, table, moment, zone)
    if future == table.rows:
        raise DataError(
            f"All {future:,} rows of {table.name} are later than now, by {moment.column.source}.",
            "Name the column that says when a row happened with --time, or mend the file.",
        )
    dated = {every: _counts(con, table, moment, zone, every) for every in UNITS}
    tried = {every: _over(counts, every, zone) for every, counts in dated.items()}
    whole = {every: newest_whole(counts) for every, counts in tried.items()}
    fitting = [every for every, counts in whole.items() if len(counts) >= ENOUGH]
    fitting += [every for every in reversed(UNITS) if len(whole[every]) >= FEWEST]
    if not fitting:
        raise _unfit(table, moment, tried)
    every, counts = fitting[0], whole[fitting[0]]
    over = sum(tried[every].values())
    number = len(counts)
    return Calendar(
        every=every,
        counts=counts,
        older=over - sum(counts.values()),
        future=future,
        waiting=sum(dated[every].values()) - over,
        days=days_in_four_weeks(con, table, moment, zone),
        closed=_closed(every, [*counts], zone),
        test=max(1, min(number // 5, 12)),
        tune=max(1, min(number // 8, 6)),
    )


def refuse_one_class(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    target: Target,
    moment: Moment,
    calendar: Calendar,
    zone: str,
) -> None:
    """Raise DataError where training, tuning or test rows of a binary problem are of one class."""
    if target.problem == "regression":
        return
    key = _key(calendar.every, moment, zone)
    first, last = len(calendar.keys) - calendar.test - calendar.tune, -calendar.test
    windows = {
        "training": calendar.keys[:first],
        "tuning": calendar.keys[first:last],
        "test": calendar.keys[last:],
    }
    for window, keys in windows.items():
        ((answers, answer, known),) = con.execute(
            f"SELECT count(DISTINCT {target.given}), max({target.given}), count({target.given})"
            f" FROM temp.{table.relation} WHERE {key} BETWEEN ? AND ?",
            [keys[0], keys[-1]],
        ).fetchall()
        if answers < 2:
            said = answer if target.classes else "yes" if answer else "no"
            raise DataError(
                f"{target.question} In the {window} window, {keys[0]} to {keys[-1]}, the answer is"
                f" {said} in all {known:,} rows where it is known.",
                "Both answers are needed there: bring a longer history, or ask what happens more"
                " often.",
            )


def _key(every: Every, moment: Moment, zone: str) -> str:
    spec = PartitionSpec(every=every, start="2000-01" if every == "month" else "2000-01-03")
    local = f"timezone({literal(zone)}, {moment.instant(literal(zone))})"
    return Partitions(spec, zone).key_sql(local)


def _counts(
    con: duckdb.DuckDBPyConnection, table: Table, moment: Moment, zone: str, every: Every
) -> dict[str, int]:
    """Return the rows of every partition from the first to the last, 0 in a hole."""
    rows = con.execute(
        f"SELECT {_key(every, moment, zone)} AS key, count(*) FROM temp.{table.relation}"
        f" WHERE key IS NOT NULL AND NOT {later(moment, zone)} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    found = {str(key): int(count) for key, count in rows}
    first, last = next(iter(found)), [*found][-1]
    spec = PartitionSpec(every=every, start=first, end=last)
    every_key = Partitions(spec, zone).keys()
    return {key: found.get(key, 0) for key in every_key}


def _over(counts: dict[str, int], every: Every, zone: str) -> dict[str, int]:
    """Return the partitions that are over: the current one has not all its rows yet."""
    partitions = Partitions(PartitionSpec(every=every, start=next(iter(counts))), zone)
    over = set(partitions.keys())
    return {key: count for key, count in counts.items() if key in over}


def _closed(every: Every, keys: list[str], zone: str) -> bool:
    """Say whether two partitions have passed since the newest one."""
    window = Partitions(PartitionSpec(every=every, start=keys[0]), zone).window(keys[-1])
    return window.end + 2 * (window.end - window.start) < clock.now()


def _unfit(table: Table, moment: Moment, tried: dict[Every, dict[str, int]]) -> DataError:
    months, days = tried["month"], tried["day"]
    named = moment.column.source
    if len(days) < FEWEST:
        keys = f" ({next(iter(days))} to {[*days][-1]})" if days else ""
        return DataError(
            f"{named} covers {counted(len(days), 'day')} that {'is' if len(days) == 1 else 'are'}"
            f" over{keys}.",
            f"At least {FEWEST} are needed: one to train, one to tune and one to test, each later"
            " than the one before.",
        )
    holes = [key for key, count in months.items() if not count]
    if holes:
        more = f" and {len(holes) - 1} more" if len(holes) > 1 else ""
        return DataError(
            f"{table.name} has no rows in {holes[0]}{more}, by {named}.",
            "A month, week or day without a row counts as data that did not arrive, and blocks what"
            " follows. Bring the history after the hole, or rows for it.",
        )
    return DataError(
        f"{named} covers {len(months)} months, and there are days and weeks without rows.",
        f"Bring at least {FEWEST} months, weeks or days in a row.",
    )
