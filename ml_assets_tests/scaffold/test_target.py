from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.scaffold.asked import column_named
from ml_assets.scaffold.target import decide, guess_target
from ml_assets_tests.scaffold.tables import opened, write_orders

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


@pytest.mark.parametrize(
    ("name", "positive", "problem", "value"),
    [
        ("late", None, "binary", "late = 'yes'"),
        ("late", "no", "binary", "late = 'no'"),
        ("amount", None, "regression", "amount"),
        ("Region Name", "west", "binary", "region_name = 'west'"),
        ("Compensation", None, "binary", "compensation = 'refund'"),
    ],
)
def test_problem_and_label_follow_from_the_values(
    con: duckdb.DuckDBPyConnection,
    orders: str,
    name: str,
    positive: str | None,
    problem: str,
    value: str,
) -> None:
    table = opened(con, orders)
    found = decide(con, table, column_named(table, name, "--target"), positive=positive)
    assert (found.problem, found.value) == (problem, value)


@pytest.mark.parametrize(
    ("changed", "value", "yes"),
    [
        ("(late = 'yes') AS late", "late", 1),
        ("(late = 'yes')::INTEGER AS late", "late = 1", 1),
        ("CASE WHEN late = 'yes' THEN 7 ELSE 3 END AS late", "late = 7", 1),
    ],
)
def test_two_values_of_any_type_are_yes_and_no(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, changed: str, value: str, yes: int
) -> None:
    table = opened(con, write_orders(tmp_path / "o.csv", f"* REPLACE ({changed})"))
    found = decide(con, table, column_named(table, "late", "--target"))
    assert (found.problem, found.value) == ("binary", value)
    rows = con.execute(
        f"SELECT count(DISTINCT {found.given}), max({found.given}) FROM temp.{table.relation}"
    ).fetchall()
    assert rows == [(2, yes)]


def test_a_text_of_a_few_values_is_their_classes(
    con: duckdb.DuckDBPyConnection, orders: str
) -> None:
    table = opened(con, orders)
    column = column_named(table, "Region Name", "--target")
    found = decide(con, table, column)
    assert found.problem == "multiclass"
    assert found.classes == ("north", "south", "west")
    assert found.value == column.name
    assert found.question == "Which Region Name is it?"
    assert len(found.asked) == 3


def test_more_values_than_a_person_could_name_are_no_classes(
    con: duckdb.DuckDBPyConnection, orders: str
) -> None:
    table = opened(con, orders)
    column = column_named(table, "amount", "--target")
    with pytest.raises(DataError, match=r"--problem multiclass: amount has .* values"):
        decide(con, table, column, "multiclass")


@pytest.mark.parametrize(
    ("name", "problem", "positive", "text"),
    [
        ("empty", None, None, "is NULL in all 4,000 rows"),
        ("currency", None, None, r"one value in all rows where it is known \(4,000 of 4,000\)"),
        ("placed", None, None, "is a TIMESTAMP; a target is a number"),
        ("Region Name", "binary", None, r"3 values \(north, south, west\).*--positive 'north'"),
        ("note", None, None, "4,000 values .too many to list"),
        ("amount", "binary", None, "--problem binary: amount has .* values"),
        ("late", None, "maybe", "no row has it in late. Its values are no, yes"),
        ("amount", None, "maybe", "no row has it in amount. It has .* values from"),
    ],
)
def test_a_target_that_teaches_nothing_is_refused(
    con: duckdb.DuckDBPyConnection,
    orders: str,
    name: str,
    problem: str | None,
    positive: str | None,
    text: str,
) -> None:
    table = opened(con, orders)
    column = column_named(table, name, "--target")
    with pytest.raises(DataError, match=text):
        decide(con, table, column, problem, positive)  # type: ignore[arg-type]


def test_a_column_called_like_a_target_is_the_guess(
    con: duckdb.DuckDBPyConnection, orders: str, tmp_path: Path
) -> None:
    def guess(path: str) -> str:
        found = guess_target(opened(con, path), None)
        assert found is not None
        return found.source

    assert guess(write_orders(tmp_path / "o.csv", "* RENAME (amount AS weight)")) == "late"
    assert guess(write_orders(tmp_path / "p.csv", "order_id, placed, amount AS weight")) == "weight"
