"""Five ways to see the future, each planted in a copy of the flights pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets_tests.sandbox import Sandbox


@dataclass(frozen=True)
class Leak:
    """A plant, the tables to build after it, and the feature column that then leaks."""

    name: str
    plant: Callable[[Sandbox], None]
    rebuilt: tuple[str, ...]
    column: str

    @property
    def table(self) -> str:
        """The feature table whose check must fail."""
        return self.rebuilt[-1]


def _own_delay(box: Sandbox) -> None:
    box.replace(
        "features.schedule", "    block_minutes,", "    gate.departure_delay AS block_minutes,"
    )
    path = box.sql("features.schedule")
    join = (
        "LEFT JOIN (\n"
        "    SELECT flight_date, carrier, flight_number, origin, departure_delay\n"
        "    FROM cleaned.departures\n"
        ") AS gate USING (flight_date, carrier, flight_number, origin)\n"
    )
    path.write_text(path.read_text(encoding="utf-8") + join, encoding="utf-8")
    box.declare(
        lambda declared: declared["features"]["schedule"]["columns"]["block_minutes"].update(
            nullable=True
        )
    )


def _weather_after(box: Sandbox) -> None:
    box.replace(
        "features.weather",
        "flights.prediction_time >= weather.known_at",
        "flights.prediction_time + INTERVAL 1 HOUR >= weather.known_at",
    )
    # An age below zero would break the contract before the check can speak.
    box.replace(
        "features.weather", "date_diff('minute', weather", "abs(date_diff('minute', weather"
    )
    box.replace("features.weather", "latest.prediction_time)::", "latest.prediction_time))::")


def _own_arrival(box: Sandbox) -> None:
    box.replace(
        "features.history",
        "known_at,\n        (arrival_delay",
        "scheduled_departure - INTERVAL 2 HOUR AS known_at,\n        (arrival_delay",
    )


def _mean_of_all(box: Sandbox) -> None:
    box.replace(
        "cleaned.departures",
        "    flights.departure_delay,",
        "    (flights.departure_delay - avg(flights.departure_delay) OVER ())::SMALLINT"
        " AS departure_delay,",
    )


def _leak_on_leak(box: Sandbox) -> None:
    _own_delay(box)
    box.replace("features.aircraft", "planes.seats AS", "told.block_minutes AS")
    box.replace(
        "features.aircraft",
        "LEFT JOIN cleaned.planes USING (tail_number)",
        "LEFT JOIN cleaned.planes USING (tail_number)\n"
        "LEFT JOIN features.schedule AS told\n"
        "    ON told.flight_date = flights.flight_date AND told.carrier = flights.carrier\n"
        "    AND told.flight_number = flights.flight_number AND told.origin = flights.origin",
    )


LEAKS = (
    Leak("own departure delay", _own_delay, ("features.schedule",), "block_minutes"),
    Leak("weather of the hour after", _weather_after, ("features.weather",), "temperature"),
    Leak("rate with the row itself", _own_arrival, ("features.history",), "route_late_rate_28d"),
    Leak(
        "mean over the whole table",
        _mean_of_all,
        ("cleaned.departures", "features.operations"),
        "origin_delay_24h",
    ),
    Leak(
        "feature on a leaking feature",
        _leak_on_leak,
        ("features.schedule", "features.aircraft"),
        "plane_seats",
    ),
)
