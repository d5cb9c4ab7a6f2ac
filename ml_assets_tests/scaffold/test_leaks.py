from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.scaffold.asked import column_named
from ml_assets.scaffold.leaks import find_leaks
from ml_assets.scaffold.moment import moment_called
from ml_assets.scaffold.target import decide
from ml_assets_tests.scaffold.tables import opened, write_orders

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def leaks(con: duckdb.DuckDBPyConnection, path: str, target: str) -> dict[str, str]:
    table = opened(con, path)
    column = column_named(table, target, "--target")
    others = [one for one in table.columns if one.source not in (target, "placed", "order_id")]
    moment = moment_called(con, table, "placed")
    found = find_leaks(con, table, decide(con, table, column), moment, others)
    return {leak.column.source: leak.how for leak in found}


def test_what_tells_the_target_is_found_and_what_only_helps_is_not(
    con: duckdb.DuckDBPyConnection, orders: str
) -> None:
    assert leaks(con, orders, "late") == {
        "compensation": "it tells the target, AUC 1.000 by its value",
        "delivered": "it is later than the row's time in 100% of rows",
    }


def test_being_null_may_tell_the_target(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    changed = "* REPLACE (CASE WHEN late = 'yes' THEN customer_id END AS customer_id)"
    found = leaks(con, write_orders(tmp_path / "o.csv", changed), "late")
    assert found["customer_id"] == "it tells the target, AUC 1.000 by whether it is NULL"


def test_a_copy_of_a_number_is_found_in_any_unit(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    changed = "* REPLACE (round(-40 * amount + 3) AS customer_id)"
    found = leaks(con, write_orders(tmp_path / "o.csv", changed), "amount")
    assert found["customer_id"].startswith("it tells the target, correlation -1.0000")
    assert "late" not in found
