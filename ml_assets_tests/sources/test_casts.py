from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.sources.casts import Cast
from ml_assets_tests.sources.helpers import connect

if TYPE_CHECKING:
    import duckdb

CON = connect()


def cast(text: str | None, type_: str) -> tuple[Any, bool]:
    column = Cast("x", "VARCHAR", type_)
    query = f"SELECT ({column.value})::VARCHAR, {column.faulty} FROM (SELECT $1::VARCHAR AS x)"
    value, faulty = CON.execute(query, [text]).fetchall()[0]
    return value, faulty


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("INTEGER", "12", "12"),
        ("INTEGER", "-007", "-7"),
        ("INTEGER", " 12 ", "12"),
        ("INTEGER", "7.0", "7"),
        ("INTEGER", "1e+05", "100000"),
        ("DECIMAL(5,2)", "1.5", "1.50"),
        ("DECIMAL(5,2)", "1.500", "1.50"),
        ("DOUBLE", "1e-3", "0.001"),
        ("BOOLEAN", "TRUE", "true"),
        ("DATE", "2013-01-31", "2013-01-31"),
        ("DATE", "2013-01-31 00:00:00", "2013-01-31"),
        ("TIME", "05:30", "05:30:00"),
        ("TIMESTAMP", "2013-01-31 05:30", "2013-01-31 05:30:00"),
        ("TIMESTAMP WITH TIME ZONE", "2013-01-31T05:30:00Z", "2013-01-31 05:30:00+00"),
        ("TIMESTAMP WITH TIME ZONE", "2013-01-31 05:30:00-05", "2013-01-31 10:30:00+00"),
    ],
)
def test_what_is_of_the_type(type_: str, text: str, value: str) -> None:
    assert cast(text, type_) == (value, False)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("INTEGER", "1.5"),
        ("INTEGER", "1e-1"),
        ("INTEGER", "0x10"),
        ("INTEGER", "1_000"),
        ("INTEGER", ""),
        ("INTEGER", "abc"),
        ("TINYINT", "300"),
        ("DECIMAL(5,2)", "1.555"),
        ("DECIMAL(5,2)", "12345"),
        ("DOUBLE", "1,5"),
        ("DOUBLE", "1_0"),
        ("BOOLEAN", "maybe"),
        ("DATE", "2013-01-31 05:30"),
        ("DATE", "2013-02-31"),
        ("TIME", "2013-01-31"),
        ("TIMESTAMP", "2013-01-31T05:30:00Z"),
        ("TIMESTAMP WITH TIME ZONE", "2013-01-31 05:30:00"),
        ("TIMESTAMP WITH TIME ZONE", "2013-01-31"),
    ],
)
def test_what_would_lose_or_guess_is_faulty(type_: str, text: str) -> None:
    assert cast(text, type_)[1] is True


@pytest.mark.parametrize("type_", ["INTEGER", "DOUBLE", "DATE", "DECIMAL(5,2)", "BOOLEAN"])
def test_null_is_never_faulty(type_: str) -> None:
    assert cast(None, type_) == (None, False)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_survives(number: int) -> None:
    assert cast(str(number), "BIGINT") == (str(number), False)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives_and_only_whole_ones_are_integers(number: float) -> None:
    assert float(cast(repr(number), "DOUBLE")[0]) == number
    value, faulty = cast(repr(number), "BIGINT")
    if number.is_integer() and abs(number) < 2**53:
        assert (float(value), faulty) == (number, False)
    elif not number.is_integer():
        assert faulty


@given(st.text(), st.sampled_from(["INTEGER", "DECIMAL(9,3)", "DOUBLE", "DATE", "TIMESTAMP"]))
def test_a_verdict_is_never_null_and_sound_values_are_given(text: str, type_: str) -> None:
    value, faulty = cast(text.replace("\0", ""), type_)
    assert faulty in {True, False}
    assert faulty or value is not None


def test_the_same_type_needs_no_cast() -> None:
    assert Cast("a b", "DATE", "DATE") == Cast("a b", "DATE", "DATE")
    assert Cast("a b", "DATE", "DATE").value == '"a b"'
    assert Cast("a b", "DATE", "DATE").faulty is None


def test_reasons_read_well() -> None:
    assert Cast("dep_time", "VARCHAR", "SMALLINT").reason == "dep_time: not a SMALLINT"
    assert Cast("flight", "VARCHAR", "INTEGER").reason == "flight: not an INTEGER"


def test_doubles_become_integers_only_when_whole(con: duckdb.DuckDBPyConnection) -> None:
    column = Cast("x", "DOUBLE", "BIGINT")
    query = f"SELECT {column.faulty} FROM (VALUES (1.0::DOUBLE), (1.5), ('nan'), (NULL)) t(x)"
    assert con.execute(query).fetchall() == [(False,), (True,), (True,), (False,)]
