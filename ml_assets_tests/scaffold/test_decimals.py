from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.scaffold.decimals import as_double, decimal_comma


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["62,88", "7", "-0,5"], True),
        (["1.234,50", "12", "1.234.567,8"], True),
        (["0,125", "0,250"], True),
        # Perhaps thousands.
        (["1,234", "12,345", "7"], False),
        (["1.234", "12"], False),
        (["1,2,3", "4,5"], False),
        (["12.34,5", "4,5"], False),
        (["62,88", "unknown"], False),
        (["", ""], False),
    ],
)
def test_a_decimal_comma_is_taken_only_where_it_can_be_nothing_else(
    con: duckdb.DuckDBPyConnection, texts: list[str], *, expected: bool
) -> None:
    con.execute("CREATE TEMP TABLE given (x VARCHAR)")
    con.executemany("INSERT INTO given VALUES (?)", [[text] for text in texts])
    assert decimal_comma(con, "given", "x") is expected


@settings(max_examples=50)
@given(st.decimals(-(10**9), 10**9, places=2))
def test_a_number_is_what_was_written(value: object) -> None:
    english = f"{value:,}"
    german = english.replace(",", " ").replace(".", ",").replace(" ", ".")
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {as_double('?')}", [german]).fetchall() == [
            (float(str(value)),)
        ]
