from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.sources.base import UNTYPED, Delivery, Part
from ml_assets.sources.schema import check, declared_types
from ml_assets_tests.sources.helpers import NAME, raw_table

if TYPE_CHECKING:
    import duckdb


def checked(types: dict[str, str], *delivered: dict[str, str]) -> tuple[str, ...]:
    parts = tuple(Part(f"{i}.csv", columns) for i, columns in enumerate(delivered, start=1))
    return check(Delivery("delivered", parts), types, NAME)


def test_a_renamed_column_is_guessed() -> None:
    with pytest.raises(DataError) as caught:
        checked({"dep_delay": "SMALLINT"}, {"departure_delay": UNTYPED, "Dep_Delay": UNTYPED})
    assert caught.value.fact == "raw.flights: 1.csv has no column `dep_delay`."
    assert "Renamed? It has `Dep_Delay` for `dep_delay`" in caught.value.hint


def test_a_missing_column_lists_what_is_there() -> None:
    with pytest.raises(DataError, match=r"no column `gate`.*It has origin, dest"):
        checked({"gate": "VARCHAR"}, {"origin": UNTYPED, "dest": UNTYPED})


def test_every_part_is_checked() -> None:
    with pytest.raises(DataError, match=r"2\.csv has no column `a`"):
        checked({"a": "DATE"}, {"a": UNTYPED}, {"b": UNTYPED})


def test_an_added_column_is_a_warning_once() -> None:
    extra = {"a": "INTEGER", "gate": "BIGINT"}
    warnings = checked({"a": "INTEGER"}, extra, extra)
    assert len(warnings) == 1
    assert "'gate' that is not declared and not loaded" in warnings[0]
    assert "declare `gate: BIGINT`" in warnings[0]


@pytest.mark.parametrize(
    ("delivered", "declared"),
    [
        ("BIGINT", "SMALLINT"),
        ("DOUBLE", "DECIMAL(5,2)"),
        ("VARCHAR", "TIMESTAMP WITH TIME ZONE"),
        ("STRUCT(k INTEGER)", "VARCHAR"),
        ("TIMESTAMP_NS", "TIMESTAMP"),
        (UNTYPED, "BOOLEAN"),
    ],
)
def test_types_that_fit(delivered: str, declared: str) -> None:
    assert checked({"a": declared}, {"a": delivered}) == ()


def test_declared_types_get_their_full_names(con: duckdb.DuckDBPyConnection) -> None:
    table = raw_table({"a": "INT", "b": "TIMESTAMPTZ", "c": "TEXT"})
    expected = {"a": "INTEGER", "b": "TIMESTAMP WITH TIME ZONE", "c": "VARCHAR"}
    assert declared_types(con, table, NAME) == expected


def test_an_unknown_type_is_a_declaration_error(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(DeclarationError, match=r"raw\.flights\.a is declared INTEGR.*`INTEGER`"):
        declared_types(con, raw_table({"a": "INTEGR"}), NAME)
