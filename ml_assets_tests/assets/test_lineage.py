"""Column lineage as the UI draws it, from raw columns to features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.lineage import Lineage, table_lineage
from ml_assets.component.folder import load_folder
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox


def origins(lineage: Lineage, column: str) -> set[str]:
    """Return the columns one step behind `column`, as layer.table.column."""
    return {".".join(origin) for origin in lineage.upstream[column]}


def roots(lineage: Lineage, column: str) -> set[str]:
    """Return the raw columns behind `column`."""
    return {".".join(origin) for origin in lineage.raw[column]}


def test_each_column_names_the_columns_it_is_made_of(shop_as_built: Sandbox) -> None:
    lineage = table_lineage(shop_as_built.pipeline)
    payments, orders = lineage["cleaned", "payments"], lineage["features", "orders"]
    assert origins(payments, "days_to_pay") == {"raw.orders.placed_at", "raw.orders.paid_at"}
    assert origins(payments, "known_at") == {"raw.orders.paid_at"}
    assert origins(orders, "paid_week") == {"cleaned.payments.id"}
    assert origins(orders, "amount") == {"cleaned.orders.amount"}
    assert ("raw", "orders") not in lineage


def test_each_column_is_followed_to_the_file(shop_as_built: Sandbox) -> None:
    lineage = table_lineage(shop_as_built.pipeline)
    orders = lineage["features", "orders"]
    assert roots(orders, "amount") == {"raw.orders.amount"}
    assert orders.told("amount") == "From raw.orders (amount)."
    assert (
        lineage["cleaned", "payments"].told("days_to_pay")
        == "From raw.orders (paid_at, placed_at)."
    )


def test_dagster_is_told_the_assets_keys(shop_as_built: Sandbox) -> None:
    lineage = table_lineage(shop_as_built.pipeline)["cleaned", "shops"]
    (dep,) = lineage.recorded("shop").deps_by_column["city"]
    assert dep == dg.TableColumnDep(dg.AssetKey(["shop", "raw", "shops"]), "city")


def test_a_feature_of_the_flights_can_be_followed_to_the_file() -> None:
    lineage = table_lineage(load_folder(example("flights")))
    operations, weather = lineage["features", "operations"], lineage["features", "weather"]
    assert "cleaned.departures.departure_delay" in origins(operations, "origin_delay_3h")
    assert "raw.flights.dep_delay" in roots(operations, "origin_delay_3h")
    assert origins(weather, "temperature") == {"cleaned.weather.temperature"}
    assert roots(weather, "temperature") == {"raw.weather.temp"}
    # The clock time of arrival is used by nothing.
    assert all("raw.flights.arr_time" not in roots(operations, name) for name in operations.raw)
