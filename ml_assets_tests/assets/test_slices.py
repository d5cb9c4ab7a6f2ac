"""A run builds the slices it is asked for; a refresh only those that are not up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.warehouse import ledger
from ml_assets_tests.assets.running import checks, failed, ran, run
from ml_assets_tests.shop import order

if TYPE_CHECKING:
    from typing import Any

    import dagster as dg

    from ml_assets_tests.sandbox import Sandbox

TABLES = (
    "raw/shops",
    "raw/orders",
    "cleaned/shops",
    "cleaned/orders",
    "cleaned/payments",
    "features/orders",
)


def built_by(box: Sandbox, result: dg.ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    """Return the slices that the run built."""
    with box.lake() as con:
        slices = ledger.current(con, box.name)
    return {(item.table, item.partition) for item in slices if item.run_id == result.run_id}


def test_a_refresh_of_what_is_up_to_date_builds_nothing(shop: Sandbox) -> None:
    result = run(shop, *TABLES, refresh=True)
    assert result.success
    assert ran(result) == set(TABLES)
    assert built_by(shop, result) == set()


@pytest.mark.slow
def test_a_refresh_builds_what_late_rows_reach(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [*lines, order(9001, "2024-01", 28)])
    result = run(shop, *TABLES, refresh=True)
    assert result.success
    assert {slice_ for slice_ in built_by(shop, result) if slice_[0] != "raw.orders"} == {
        ("cleaned.orders", "2024-01"),
        ("cleaned.payments", "2024-01"),
        ("features.orders", "2024-01"),
        ("features.orders", "2024-02"),
    }


def test_a_run_without_the_tag_builds_what_it_is_asked_for(shop: Sandbox) -> None:
    result = run(shop, "cleaned/orders", keys=["2024-02", "2024-03"])
    assert built_by(shop, result) == {("cleaned.orders", "2024-02"), ("cleaned.orders", "2024-03")}


def test_each_partition_tells_its_own_numbers_beside_the_tables(shop: Sandbox) -> None:
    result = run(shop, "cleaned/payments")
    events = {event.partition: event for event in result.get_asset_materialization_events()}
    told: dict[str | None, dict[str, Any]] = {
        key: {name: item.value for name, item in event.materialization.metadata.items()}
        for key, event in events.items()
    }
    assert set(told) == {"2024-01", "2024-02", "2024-03"}
    for numbers in told.values():
        assert numbers["dagster/row_count"] == sum(
            one["dagster/partition_row_count"] for one in told.values()
        )
        assert numbers["rows_in"] == 252
        assert numbers["partition_rows_in"] == 84
        assert numbers["partition_rows_kept"] + numbers["partition_rows_excluded"] == 84


def test_a_broken_month_is_named_alone_and_those_before_it_are_stored(shop: Sandbox) -> None:
    """Months are built together; one that breaks the contract has them built one by one."""
    shop.edit("orders", lambda lines: [_spoilt(line) for line in lines])
    result = run(shop, "raw/orders", "cleaned/orders", refresh=True)
    assert "cleaned.orders 2024-02 breaks its contract" in failed(result)["cleaned/orders"]
    assert {item for item in built_by(shop, result) if item[0] == "cleaned.orders"} == {
        ("cleaned.orders", "2024-01")
    }


def _spoilt(line: str) -> str:
    number, shop, amount, *rest = line.split(",")
    if rest[0].startswith("2024-01"):
        amount = "77"
    if rest[0].startswith("2024-02"):
        amount = "5000"
    return ",".join([number, shop, amount, *rest])


@pytest.mark.parametrize("refresh", [False, True])
def test_a_missing_file_is_a_failed_check_also_in_a_refresh(shop: Sandbox, refresh: bool) -> None:
    shop.source("orders").unlink()
    result = run(shop, "raw/orders", "cleaned/orders", refresh=refresh)
    assert ran(result) == {"raw/orders"}
    assert "raw.orders: there is no file sources/orders.csv" in failed(result)["raw/orders"]
    assert not checks(result, "raw/orders")["schema"].passed
