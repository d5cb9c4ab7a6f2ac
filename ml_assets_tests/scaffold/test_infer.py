from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.scaffold.infer import (
    WRITTEN_TYPES,
    declarable,
    null_words,
    type_of,
    words_among_numbers,
)
from ml_assets.sources.base import UNTYPED
from ml_assets.sources.casts import Cast

if TYPE_CHECKING:
    import duckdb


def write(con: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE given (x VARCHAR)")
    con.executemany("INSERT INTO given VALUES (?)", [[text] for text in texts])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "2", ""], "INTEGER"),
        (["1", "0"], "INTEGER"),
        (["1", "600000000"], "BIGINT"),
        (["1", "2.5"], "DOUBLE"),
        (["01234", "99999"], "VARCHAR"),
        (["True", "false"], "BOOLEAN"),
        (["t", "f"], "VARCHAR"),
        (["2024-01-31", "2024/02/01"], "DATE"),
        (["2024-01-31", "2024-02-01 10:00"], "TIMESTAMP"),
        (["2024-01-31T10:00:00Z", "2024-02-01 10:00:00+02"], "TIMESTAMPTZ"),
        (["a", "1"], "VARCHAR"),
        ([""], "VARCHAR"),
    ],
)
def test_the_narrowest_type_of_all_values(
    con: duckdb.DuckDBPyConnection, texts: list[str], expected: str
) -> None:
    write(con, texts)
    assert type_of(con, "given", "x", WRITTEN_TYPES) == expected


@settings(max_examples=25)
@given(
    st.lists(st.from_regex(r"-?[0-9]{1,3}(\.[0-9])?|[ab]|20[0-9]{2}-0[1-9]-1[0-9]", fullmatch=True))
)
def test_no_value_is_rejected_by_the_type_that_was_found(texts: list[str]) -> None:
    import duckdb

    with duckdb.connect() as con:
        write(con, [*texts, "7"])
        found = type_of(con, "given", "x", WRITTEN_TYPES)
        fault = Cast("x", "VARCHAR", found).faulty or "false"
        assert con.execute(f"SELECT count(*) FROM given WHERE {fault}").fetchall() == [(0,)]


def test_a_word_is_missing_only_where_the_column_has_a_type_without_it(
    con: duckdb.DuckDBPyConnection,
) -> None:
    write(con, ["1", "NA", "3"])
    assert null_words(con, "given", ["x"]) == ("", "NA")
    write(con, ["1", "n/a", "N.A.", "na", "3,5"])
    assert null_words(con, "given", ["x"]) == ("", "N.A.", "n/a", "na")
    write(con, ["US", "NA", "DE"])
    assert null_words(con, "given", ["x"]) == ("",)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (["unknown", "n.v.", "unknown"], ("unknown", "n.v.")),
        (["unknown"] * 40, ()),
        ([f"x{number}" for number in range(21)], ()),
        ([], ()),
    ],
)
def test_words_among_numbers_are_the_few_that_are_none(
    con: duckdb.DuckDBPyConnection, odd: list[str], words: tuple[str, ...]
) -> None:
    write(con, [*map(str, range(300)), *odd])
    assert words_among_numbers(con, "given", "x") == words


@pytest.mark.parametrize(
    ("delivered", "declared"),
    [
        (UNTYPED, "VARCHAR"),
        ("USMALLINT", "INTEGER"),
        ("UINTEGER", "BIGINT"),
        ("TIMESTAMP_NS", "TIMESTAMP"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
        ("INTEGER[]", "VARCHAR"),
        ("DECIMAL(10,2)", "DECIMAL(10,2)"),
    ],
)
def test_what_a_file_delivers_is_declared_in_common_types(delivered: str, declared: str) -> None:
    assert declarable(delivered) == declared
