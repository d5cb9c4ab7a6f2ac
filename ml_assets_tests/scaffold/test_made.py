from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.scaffold.made import made_features
from ml_assets.scaffold.moment import moment_called
from ml_assets_tests.scaffold.tables import opened, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


@pytest.mark.parametrize(
    ("step", "rows", "expected"),
    [
        ("to_hours(range)", 1000, ["hour", "weekday"]),
        ("to_days(range::INT)", 400, ["weekday"]),
        ("to_days(range::INT)", 1000, ["weekday", "month"]),
        ("to_months(range::INT)", 300, ["month"]),
    ],
)
def test_only_parts_of_the_time_that_mean_something(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, step: str, rows: int, expected: list[str]
) -> None:
    select = f"SELECT TIMESTAMP '2010-01-31' + {step} AS at FROM range({rows})"
    table = opened(con, write_rows(tmp_path / "t.csv", select))
    moment = moment_called(con, table, "at")
    assert [part.name for part in made_features(con, table, moment, "UTC")] == expected


def test_a_column_of_that_name_stays_the_only_one(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    select = "SELECT TIMESTAMP '2010-01-01' + to_hours(range) AS at, 1 AS hour FROM range(900)"
    table = opened(con, write_rows(tmp_path / "t.csv", select))
    moment = moment_called(con, table, "at")
    assert [part.name for part in made_features(con, table, moment, "UTC")] == ["weekday"]
