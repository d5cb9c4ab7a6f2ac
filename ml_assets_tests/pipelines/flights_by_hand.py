"""The flights' features counted from the raw rows, flight by flight, by none of the pipeline's SQL.

Every instant is in minutes since 1970 in UTC; NaN is what never happened.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Column = np.ndarray[Any, Any]
Features = dict[str, Any]
HOUR, DAY, LEAD, TOLD_AFTER = 60, 24 * 60, 2 * 60, 30
CAP, LATE, WINDIEST = 180, 15, 200
UNNAMED = "-"
"""Stands for the tail number that a flight lacks."""
ABSENT = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
"""The destinations that the airports lack."""
MAKERS = ("AIRBUS", "BOMBARDIER", "CANADAIR", "MCDONNELL DOUGLAS")
FLIGHTS = f"""
    SELECT year, month, day, carrier, flight, origin, dest, coalesce(tailnum, '{UNNAMED}') AS tail,
        sched_dep_time, sched_arr_time, dep_delay, arr_delay, distance, hour,
        epoch(time_hour) / 60 AS clock_hour, epoch(time_hour) / 60 + minute AS scheduled
    FROM flights.raw.flights ORDER BY year, month, day, carrier, flight, origin
"""
WEATHER = """
    SELECT origin, epoch(time_hour) / 60 AS hour, temp AS temperature, dewp AS dew_point,
        humid AS humidity, wind_dir AS wind_direction, wind_speed, wind_gust,
        precip AS precipitation, pressure, visib AS visibility FROM flights.raw.weather
"""


class ByHand:
    """All raw flights in the order of their key, and the features of the one at a place."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        table = con.execute(FLIGHTS).to_arrow_table()
        self.rows = {name: _plain(table[name].to_numpy()) for name in table.column_names}
        self.rows["landing"] = self._landings(con)
        self.departed = self.rows["scheduled"] + self.rows["dep_delay"]
        self.told = self.rows["landing"] + self.rows["arr_delay"] + TOLD_AFTER
        self.late = self.rows["arr_delay"] >= LATE
        self.observed = con.execute(WEATHER).to_arrow_table().to_pylist()
        planes = con.execute("FROM flights.raw.planes").to_arrow_table()
        self.planes = {plane["tailnum"]: plane for plane in planes.to_pylist()}

    def _landings(self, con: DuckDBPyConnection) -> Column:
        """Return the scheduled arrivals, by the clocks of the destinations."""
        published = con.execute("SELECT faa, tzone FROM flights.raw.airports").fetchall()
        zones = {faa: ZoneInfo(zone) for faa, zone in [*published, *ABSENT.items()] if zone}
        names = ("year", "month", "day", "dest", "sched_arr_time", "scheduled")
        flights = zip(*(self.rows[name].tolist() for name in names), strict=True)
        found = [
            _landing(date(year, month, day), clock, zones[dest], departure)
            for year, month, day, dest, clock, departure in flights
        ]
        return np.array(found)

    def date(self, at: int) -> date:
        """Return the local date of the flight."""
        return date(*(int(self.rows[name][at]) for name in ("year", "month", "day")))

    def now(self, at: int) -> float:
        """Return the moment at which the flight is predicted."""
        return float(self.rows["scheduled"][at]) - LEAD

    def like(self, at: int, *names: str) -> Column:
        """Return which flights agree with the one at `at` in all of these columns."""
        found = np.ones(len(self.departed), bool)
        for name in names:
            found &= self.rows[name] == self.rows[name][at]
        return found

    def schedule(self, at: int) -> Features:
        """Return what the schedule says of the flight and its hour."""
        mine = {name: column[at].item() for name, column in self.rows.items()}
        return {
            "destination": mine["dest"],
            "distance": mine["distance"],
            "departure_minute": _minutes(mine["sched_dep_time"]),
            "weekday": self.date(at).isoweekday(),
            "arrival_minute": _minutes(mine["sched_arr_time"]),
            "block_minutes": mine["landing"] - mine["scheduled"],
            "departures_in_hour": int(self.like(at, "origin", "clock_hour").sum()),
        }

    def weather(self, at: int) -> Features:
        """Return the last possible observation of the last two days, with its age."""
        now, origin = self.now(at), self.rows["origin"][at]
        here = [one for one in self.observed if one["origin"] == origin]
        possible = [one for one in here if (one["wind_speed"] or 0) <= WINDIEST]
        seen = [one for one in possible if now - 2 * DAY < one["hour"] <= now]
        nothing: Features = dict.fromkeys(self.observed[0])
        last = max(seen, key=lambda one: one["hour"], default=nothing)
        values = {name: value for name, value in last.items() if name not in {"origin", "hour"}}
        return {**values, "weather_age": now - last["hour"] if seen else None}

    def operations(self, at: int) -> Features:
        """Return the delays of the hours before, each departure's capped."""
        now, found = self.now(at), Features()
        capped = np.minimum(self.rows["dep_delay"], CAP)
        for name, hours, shared in (
            ("origin", 3, ("origin",)),
            ("origin", 24, ("origin",)),
            ("origin_carrier", 6, ("origin", "carrier")),
            ("airports", 3, ()),
        ):
            left = self.like(at, *shared) & _within(self.departed, now, hours * HOUR)
            found[f"{name}_departures_{hours}h"] = int(left.sum())
            found[f"{name}_delay_{hours}h"] = _mean(capped[left])
        for name, same in (("carrier", "carrier"), ("destination", "dest")):
            told = self.like(at, same) & _within(self.told, now, DAY)
            found[f"{name}_late_rate_24h"] = _mean(self.late[told])
        return found

    def history(self, at: int) -> Features:
        """Return how many comparable flights came in four weeks, and how many of them late."""
        found = Features()
        for name, shared in (
            ("route", ("origin", "carrier", "dest")),
            ("flight", ("carrier", "flight", "dest")),
            ("origin_hour", ("origin", "hour")),
        ):
            told = self.like(at, *shared) & _within(self.told, self.now(at), 28 * DAY)
            found[f"{name}_arrivals_28d"] = int(told.sum())
            found[f"{name}_late_rate_28d"] = _mean(self.late[told])
        return found

    def aircraft(self, at: int) -> Features:
        """Return the plane, and the last that was known of it in two days."""
        tail = self.rows["tail"][at].item()
        own = self.like(at, "tail") & (tail != UNNAMED)
        plane = self.planes.get(tail, {"year": None, "seats": None, "manufacturer": None})
        left, when = self._last(self.departed, own, at, "dep_delay")
        landed, _ = self._last(self.told, own, at, "arr_delay")
        return {
            "plane_age": None if plane["year"] is None else self.date(at).year - plane["year"],
            "plane_seats": plane["seats"],
            "plane_maker": _maker(plane["manufacturer"]),
            "plane_unknown": tail not in self.planes,
            "aircraft_departure_delay": left,
            "aircraft_arrival_delay": landed,
            "aircraft_gap": None if when is None else self.rows["scheduled"][at] - when,
            "aircraft_leg": self._leg(at, own),
        }

    def _last(
        self, known: Column, own: Column, at: int, delay: str
    ) -> tuple[float | None, float | None]:
        """Return the delay known last in two days, the largest of a tie, and when it was known."""
        seen = own & _within(known, self.now(at), 2 * DAY)
        if not seen.any():
            return None, None
        when = known[seen].max()
        return float(self.rows[delay][seen & (known == when)].max()), float(when)

    def _leg(self, at: int, own: Column) -> int:
        """Return the flight's place among those of its plane on its date; 1 without a plane."""
        order = ("scheduled", "carrier", "flight", "origin")
        today = np.flatnonzero(own & self.like(at, "year", "month", "day"))
        mine, *others = [[self.rows[name][one].item() for name in order] for one in (at, *today)]
        return 1 + sum(one < mine for one in others)


def _plain(column: Column) -> Column:
    # The smallest integers would overflow.
    kinds = {"O": str, "i": np.int64}
    return column.astype(kinds.get(column.dtype.kind, column.dtype))


def _minutes(clock: int) -> int:
    """Return the minute of the day of a clock time such as 1830."""
    return clock // 100 * HOUR + clock % 100


def _landing(day: date, clock: int, zone: ZoneInfo, departure: float) -> float:
    """Return the first time after `departure` that the clock of `zone` shows so."""
    local = datetime.combine(day, time(), zone) + timedelta(minutes=_minutes(clock))
    landing = local.timestamp() / 60
    return landing if landing > departure else (local + timedelta(days=1)).timestamp() / 60


def _within(known: Column, now: float, length: int) -> Column:
    """Return what became known in the `length` minutes until `now`, their first moment excluded."""
    found: Column = (known > now - length) & (known <= now)
    return found


def _mean(values: Column) -> float | None:
    return float(values.mean()) if len(values) else None


def _maker(name: str | None) -> str | None:
    return next((maker for maker in MAKERS if (name or "").startswith(maker)), name)
