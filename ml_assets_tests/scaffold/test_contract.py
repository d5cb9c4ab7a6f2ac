from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ml_assets.scaffold.contract import _range, contracts
from ml_assets.scaffold.moment import moment_called
from ml_assets_tests.scaffold.tables import opened, write_orders
from ml_assets_tests.scaffold.test_columns import column

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from ml_assets.scaffold.contract import Rules


def rules(con: duckdb.DuckDBPyConnection, path: str) -> dict[str, Rules]:
    table = opened(con, path)
    return {**contracts(con, table, moment_called(con, table, "placed"))}


def test_ranges_lists_and_nulls_leave_room(con: duckdb.DuckDBPyConnection, orders: str) -> None:
    found = rules(con, orders)
    assert found["amount"] == {"min": 0, "max": 200}
    assert found["Region Name"] == {"allowed": ["north", "south", "west"]}
    assert found["empty"] == {"nullable": True}
    assert found["order_id"] == found["customer_id"] == found["note"] == {}


def test_what_grows_with_time_has_no_range(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_orders(tmp_path / "o.csv", "* REPLACE (order_id * 1.5 AS amount)")
    assert rules(con, path)["amount"] == {}


def test_a_list_that_still_grows_is_not_closed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    late = "CASE WHEN placed < '2024-03-01' OR order_id % 2 = 0 THEN 'old' ELSE 'new' END AS late"
    rare = "CASE WHEN order_id = 5 THEN 'rare' ELSE 'usual' END AS compensation"
    found = rules(con, write_orders(tmp_path / "o.csv", f"* REPLACE ({late}, {rare})"))
    assert found["late"] == found["compensation"] == {}


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_range_holds_twice_what_was_seen(low: float, span: float) -> None:
    high = low + span
    found = _range(column(type="DOUBLE", low=low, high=high))
    lowest, highest = float(str(found["min"])), float(str(found["max"]))
    assert lowest <= low
    assert high <= highest
    if (lowest, highest) != (0, 1):
        assert lowest == 0 or lowest <= low - span
        assert highest == 0 or highest >= high + span
