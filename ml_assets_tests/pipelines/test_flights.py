"""The dirt of the real flights, each kind counted and visible in its asset's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.tables.spine import feature_names
from ml_assets.tables.summary import table_metadata
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline

# Without the folder nothing here is collected.
example("flights")
MANY = 2_512 // 50
"""Flights without a tail number that are more than chance: a fiftieth of them."""
pytestmark = pytest.mark.slow

DIRT = [
    ("raw.flights", "rows_in", 336_776),
    ("raw.flights", "rows_rejected", 0),
    ("cleaned.departures", "excluded: cancelled", 8_255),
    ("cleaned.departures", "counted: after_midnight", 1_207),
    ("cleaned.departures", "counted: clock_2400", 29),
    ("cleaned.departures", "counted: over_six_hours_late", 244),
    ("cleaned.arrivals", "excluded: cancelled", 8_255),
    ("cleaned.arrivals", "excluded: diverted", 9_430 - 8_255),
    ("cleaned.arrivals", "counted: no_arrival_delay", 9_430),
    ("cleaned.arrivals", "counted: clock_2400", 150),
    ("cleaned.schedule", "counted: tail_number_unknown", 2_512),
    ("cleaned.schedule", "counted: arrives_next_day", 6_078),
    ("cleaned.schedule", "counted: destination_not_in_airports", 7_602),
    ("cleaned.schedule", "dagster/row_count", 336_776),
    ("cleaned.airports", "counted: missing_in_source", 4),
    ("cleaned.weather", "rejected: wind_speed above 200", 1),
    ("cleaned.weather", "rows_rejected", 1),
    ("cleaned.weather", "counted: no_gust", 20_778),
    ("cleaned.weather", "counted: no_pressure", 2_729),
    ("cleaned.weather", "counted: clock_set_back", 3),
    ("cleaned.planes", "counted: maker_respelled", 886),
    ("features.weather", "counted: no_observation_at_departure", 1_556),
    ("features.aircraft", "counted: plane_unknown", 50_094),
]


def one(con: DuckDBPyConnection, sql: str) -> object:
    """Return the only value that `sql` answers."""
    ((value,),) = con.execute(sql).fetchall()
    return value


@pytest.mark.parametrize(("table", "name", "count"), DIRT)
def test_the_dirt_is_counted(
    flights: Pipeline, con: DuckDBPyConnection, table: str, name: str, count: int
) -> None:
    assert table_metadata(con, flights, flights.node(table))[name] == count


def test_unknown_planes_are_flagged_and_mostly_of_two_airlines(con: DuckDBPyConnection) -> None:
    unknown = (
        "FROM flights.features.aircraft JOIN flights.cleaned.schedule"
        " USING (flight_date, carrier, flight_number, origin)"
        " WHERE plane_unknown AND tail_number IS NOT NULL"
    )
    assert one(con, f"SELECT count(DISTINCT tail_number) {unknown}") == 721
    share = one(con, f"SELECT avg((carrier IN ('MQ', 'AA'))::INTEGER) {unknown}")
    assert share == pytest.approx(0.96, abs=0.005)


def test_flights_without_a_tail_number_are_cancelled(con: DuckDBPyConnection) -> None:
    """So its absence would tell the outcome, and is no feature."""
    assert (
        one(con, "SELECT count(*) FROM flights.cleaned.departures WHERE tail_number IS NULL") == 0
    )
    columns = con.execute("DESCRIBE flights.features.aircraft").fetchall()
    assert "tail_number" not in {row[0] for row in columns}


def test_no_feature_tells_which_flights_have_no_tail_number(
    flights: Pipeline, con: DuckDBPyConnection
) -> None:
    """What many of them have in a feature, also NULL, most others have of it as well."""
    telling, judged = [], set[str]()
    for node in flights.features:
        rows = con.execute(
            f"SELECT f.*, (tail_number IS NULL)::INTEGER AS unnamed FROM flights.{node.dotted} AS f"
            " JOIN flights.cleaned.schedule USING (flight_date, carrier, flight_number, origin)"
        ).to_arrow_table()
        for name in {*node.types} & {*feature_names(flights)} - judged:
            judged.add(name)
            shares = rows.group_by(name).aggregate([("unnamed", "sum"), ("unnamed", "mean")])
            telling += [
                (name, one[name], one["unnamed_mean"])
                for one in shares.to_pylist()
                if one["unnamed_sum"] > MANY and one["unnamed_mean"] > 0.6
            ]
    assert telling == []
    assert judged == {*feature_names(flights)}


def test_the_impossible_wind_is_rejected_with_its_value(con: DuckDBPyConnection) -> None:
    row, reason, partition = con.execute("FROM flights.cleaned.weather_rejected").fetchall()[0]
    assert (reason, partition) == ("wind_speed above 200", "2013-02")
    assert '"wind_speed":"1048.36' in row
    assert '"origin":"EWR"' in row


def test_the_clock_is_set_back_without_a_duplicate(con: DuckDBPyConnection) -> None:
    """Two rows by local hour, unique by instant; the skipped hour of March has none."""
    twice = (
        "SELECT count(*) FROM (SELECT origin, timezone('America/New_York', observed_at) AS local"
        " FROM flights.cleaned.weather GROUP BY ALL HAVING count(*) > 1)"
    )
    assert one(con, twice) == 3
    skipped = "SELECT count(*) FROM flights.raw.weather WHERE (month, day, hour) = (3, 10, 2)"
    assert one(con, skipped) == 0


def test_arrival_clocks_agree_with_the_instants(con: DuckDBPyConnection) -> None:
    """Schedule plus delay, on the destination's clock, is the arrival time as delivered."""
    agrees = one(
        con,
        """
        SELECT avg((clock = arr_time % 2400)::INTEGER) FROM (
            SELECT r.arr_time, hour(local) * 100 + minute(local) AS clock FROM (
                SELECT a.*, timezone(p.time_zone, a.arrived_at) AS local
                FROM flights.cleaned.arrivals AS a
                JOIN flights.cleaned.airports AS p ON p.airport = a.destination) AS a
            JOIN flights.raw.flights AS r
                ON make_date(r.year, r.month, r.day) = a.flight_date AND r.carrier = a.carrier
                AND r.flight = a.flight_number AND r.origin = a.origin)
        """,
    )
    assert isinstance(agrees, float)
    assert agrees > 0.99


def test_four_destinations_have_a_declared_zone(con: DuckDBPyConnection) -> None:
    zones = con.execute(
        "SELECT DISTINCT time_zone FROM flights.cleaned.airports"
        " WHERE airport IN ('SJU', 'BQN', 'STT', 'PSE')"
    ).fetchall()
    assert zones == [("America/Puerto_Rico",)]


def test_makers_have_one_spelling(con: DuckDBPyConnection) -> None:
    makers = con.execute(
        "SELECT DISTINCT maker FROM flights.cleaned.planes"
        " WHERE maker LIKE 'AIRBUS%' OR maker LIKE 'MCDONNELL%' ORDER BY maker"
    ).fetchall()
    assert makers == [("AIRBUS",), ("MCDONNELL DOUGLAS",)]


def test_the_last_weather_is_used_with_its_age(con: DuckDBPyConnection) -> None:
    """The file ends on 30 December: flights of the 31st see an old observation, or none."""
    youngest = one(
        con,
        "SELECT min(weather_age) FROM flights.features.weather WHERE flight_date = '2013-12-31'",
    )
    assert isinstance(youngest, int)
    assert youngest > 60
