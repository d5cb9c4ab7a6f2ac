"""The flights' features are what the words in defs.yaml say, counted one by one from raw rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.tables.spine import own_features
from ml_assets_tests.pipelines.flights_by_hand import (
    CAP,
    DAY,
    HOUR,
    LEAD,
    UNNAMED,
    WINDIEST,
    ByHand,
)
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.pipelines.flights_by_hand import Column

# Without the folder nothing here is collected.
example("flights")
TABLES = ("schedule", "weather", "operations", "history", "aircraft")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def by_hand(con: DuckDBPyConnection) -> ByHand:
    """The raw rows to count in."""
    return ByHand(con)


@pytest.fixture(scope="module")
def places(by_hand: ByHand) -> list[int]:
    """The places of some flights of the whole year, and of more where something is unusual."""
    rows, generator = by_hand.rows, np.random.default_rng(0)
    when = rows["month"] * 100 + rows["day"]
    first, last = when <= 103, when >= 1230
    windy = (when == 212) & (rows["origin"] == "EWR") & (rows["hour"] == 5)
    found = [
        generator.choice(np.flatnonzero(kind), count, replace=False)
        for kind, count in (
            (np.ones(len(when), bool), 208),
            (first, 20),
            (last, 20),
            (windy, 2),
            (rows["tail"] == UNNAMED, 20),
            (np.isin(when, (310, 1103)), 20),
            (rows["dep_delay"] > 3 * CAP, 10),
            (touched(by_hand, by_hand.departed, 0, "tail"), 9),
            (touched(by_hand, by_hand.told, 0, "tail"), 10),
            (touched(by_hand, by_hand.departed, 2 * DAY, "tail"), 5),
            (touched(by_hand, by_hand.told, 28 * DAY, "origin", "carrier", "dest"), 10),
        )
    ]
    return [int(at) for at in np.concatenate(found)]


def touched(by_hand: ByHand, known: Column, before: int, *names: str) -> Column:
    """Return the flights for whose like something was known to the minute so long before."""
    alike = [by_hand.rows[name].tolist() for name in names]
    moments = (by_hand.rows["scheduled"] - LEAD - before).tolist()
    seen = {*zip(*alike, known.tolist(), strict=True)}
    return np.array([one in seen for one in zip(*alike, moments, strict=True)])


def test_the_unusual_is_among_them(by_hand: ByHand, places: list[int]) -> None:
    """What a wrong bound, cap or order would change is there to be counted."""
    assert len({*places}) > 270
    assert max(by_hand.weather(at)["weather_age"] for at in places) > DAY
    (impossible,) = [one for one in by_hand.observed if (one["wind_speed"] or 0) > WINDIEST]
    passed = [
        by_hand.weather(at)["weather_age"] - (by_hand.now(at) - impossible["hour"])
        for at in places
        if by_hand.rows["origin"][at] == impossible["origin"]
        and 0 <= by_hand.now(at) - impossible["hour"] < HOUR
    ]
    assert passed == [HOUR, HOUR]
    aircraft = [by_hand.aircraft(at) for at in places]
    assert any(row["aircraft_departure_delay"] is None for row in aircraft)
    assert max(row["aircraft_departure_delay"] or 0 for row in aircraft) > CAP
    assert max(row["aircraft_leg"] for row in aircraft) > 2


def stored(con: DuckDBPyConnection, table: str, places: list[int]) -> list[dict[str, Any]]:
    """Return the rows of a table of features at `places` of the order of its key."""
    found = con.execute(
        f"SELECT *, epoch(prediction_time) / 60 AS predicted FROM flights.features.{table}"
        " ORDER BY flight_date, carrier, flight_number, origin"
    ).to_arrow_table()
    rows: list[dict[str, Any]] = found.take(places).to_pylist()
    return rows


@pytest.mark.parametrize("table", TABLES)
def test_features_are_what_is_counted_from_the_raw_rows(
    flights: Pipeline, con: DuckDBPyConnection, by_hand: ByHand, places: list[int], table: str
) -> None:
    found = stored(con, table, places)
    wanted = [getattr(by_hand, table)(at) for at in places]
    assert {*wanted[0]} == {*own_features(flights.node(f"features.{table}"))}
    assert [row["predicted"] for row in found] == [by_hand.now(at) for at in places]
    wrong = [
        (at, name, here[name], value)
        for at, here, counted in zip(places, found, wanted, strict=True)
        for name, value in counted.items()
        if not same(here[name], value)
    ]
    assert wrong == []


def same(found: object, wanted: object) -> bool:
    """Return whether both are the same value, but for the last digits of a mean."""
    if isinstance(found, float) and isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=1e-9)
    return found == wanted
