from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.sources.load import load
from ml_assets.sources.resolve import resolve
from ml_assets_tests.sources.helpers import NAME, raw_table, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from ml_assets.sources.base import Source

CODE = """\
import duckdb
import pyarrow as pa


def hours(start, end, *, seed, step=1):
    moments = range(int(start.timestamp()) // 3600, int(end.timestamp()) // 3600, step)
    return pa.table({"hour": list(moments), "value": [hour % 7 + seed for hour in moments]})


def batches(start, end, *, seed):
    return hours(start, end, seed=seed).to_reader(max_chunksize=2)


def relation(start, end, *, seed):
    table = hours(start, end, seed=seed)
    return duckdb.connect().from_arrow(table)


def whole(start, end, *, seed):
    assert start is None and end is None
    return pa.table({"hour": [1], "value": [seed]})


def wrong(start, end, *, seed):
    return [1, 2]


def failing(start, end, *, seed):
    raise KeyError("customers")
"""
COLUMNS = {"hour": "BIGINT", "value": "INTEGER"}
START = datetime(2024, 1, 1, tzinfo=UTC)


def source(folder: Path, function: str = "hours", **declared: Any) -> Source:  # noqa: ANN401
    (folder / "own.py").write_text(CODE, encoding="utf-8")
    generator = {"kind": "simulated", "generator": f"own.py:{function}"}
    return resolve(generator | declared, folder)


def after(hours: int) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize("function", ["hours", "batches", "relation"])
def test_rows_of_a_window_are_typed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, function: str
) -> None:
    made = source(tmp_path, function, seed=10)
    result = load(con, made, raw_table(COLUMNS), NAME, "flights", [(START, after(5))])
    first = int(START.timestamp()) // 3600
    assert rows(con, "flights") == [(hour, hour % 7 + 10) for hour in range(first, first + 5)]
    assert (result.kept_rows, result.rejected_rows) == (5, 0)


def test_spans_apart_are_made_one_by_one(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    spans = [(START, after(2)), (after(10), after(12))]
    load(con, source(tmp_path), raw_table(COLUMNS), NAME, "flights", spans)
    first = int(START.timestamp()) // 3600
    assert [hour - first for hour, _ in rows(con, "flights")] == [0, 1, 10, 11]


def test_a_table_without_a_time_is_made_whole(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    load(con, source(tmp_path, "whole", seed=4), raw_table(COLUMNS), NAME, "flights")
    assert rows(con, "flights") == [(1, 4)]


def test_columns_are_checked_like_a_files(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    spans = [(START, after(2))]
    with pytest.raises(DataError, match=r"raw\.flights: own\.py:hours has no column `hours`"):
        load(con, source(tmp_path), raw_table({"hours": "BIGINT"}), NAME, "flights", spans)
    (warning,) = load(
        con, source(tmp_path), raw_table({"hour": "BIGINT"}), NAME, "flights", spans
    ).warnings
    assert "'value' that is not declared" in warning


def test_the_fingerprint_follows_code_seed_and_options(tmp_path: Path) -> None:
    made = source(tmp_path).fingerprint()
    others = [
        source(tmp_path, seed=1).fingerprint(),
        source(tmp_path, options={"step": 2}).fingerprint(),
        source(tmp_path, "batches").fingerprint(),
    ]
    assert source(tmp_path).fingerprint() == made
    assert len({made, *others}) == 4
    same = source(tmp_path)
    text = CODE.replace("hour % 7", "hour % 8")
    (tmp_path / "own.py").write_text(text, encoding="utf-8")
    assert same.fingerprint() != made
    (tmp_path / "own.py").write_text(CODE.replace('"customers"', '"days"'), encoding="utf-8")
    assert same.fingerprint() == made


def test_it_describes_itself(tmp_path: Path) -> None:
    described = source(tmp_path, seed=3, options={"step": 2}).describe()
    assert described == "simulated by own.py:hours, seed 3, step 2"


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({}, ["`generator` is missing"]),
        ({"generator": "own.py:days"}, ["no function 'days'"]),
        ({"generator": "own.py:hours", "options": {"stop": 2}}, ["'stop'", "start, end, seed"]),
        ({"generator": "own.py:hours", "options": {"seed": 2}}, ["`seed`", "beside `options`"]),
        ({"generator": "own.py:hours", "seed": "x"}, ["`seed` is 'x'"]),
        ({"generator": "own.py:hours", "folder": "/"}, ["unknown key `folder`"]),
    ],
)
def test_a_wrong_declaration_is_named(
    tmp_path: Path, declared: dict[str, object], words: list[str]
) -> None:
    source(tmp_path)
    with pytest.raises(DeclarationError) as caught:
        resolve({"kind": "simulated"} | declared, tmp_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("wrong", ["own.py:wrong returned list", "Arrow table"]),
        ("failing", ["own.py:failing failed for 2024-01-01 to 2024-01-01", "KeyError"]),
    ],
)
def test_a_generator_that_fails_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, function: str, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        load(
            con,
            source(tmp_path, function),
            raw_table(COLUMNS),
            NAME,
            "flights",
            [(START, after(5))],
        )
    assert caught.value.fact.startswith("raw.flights: ")
    for word in words:
        assert word in str(caught.value)
