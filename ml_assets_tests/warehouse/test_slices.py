from __future__ import annotations

import random
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.sql.names import literal
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.slices import (
    content_hash,
    ensure_table,
    replace_slices,
    stored_columns,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        st.none() | st.floats(allow_nan=False),
    ),
    max_size=30,
)


def store(
    con: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
    partition: str | None,
    select: str,
    *,
    partitioned: bool = True,
) -> int:
    """Ensure the table raw.t and replace one slice of it, as an asset does."""

    def work() -> int:
        ensure_table(con, "flights", "raw", "t", columns, partitioned=partitioned)
        key = (
            f"SELECT *, {literal(partition) if partition else 'NULL'} AS _partition FROM ({select})"
        )
        return replace_slices(con, "flights", "raw", "t", [partition], key)

    done = commit(con, "flights", work, message="raw.t", extra={}, on_wait=pytest.fail)
    return done.value


def rows(con: duckdb.DuckDBPyConnection, what: str = "*") -> list[tuple[object, ...]]:
    return con.execute(f"SELECT {what} FROM flights.raw.t ORDER BY ALL").fetchall()


def test_replacing_a_slice_leaves_the_others(lake: duckdb.DuckDBPyConnection) -> None:
    columns = {"a": "INTEGER", "b": "VARCHAR"}
    assert store(lake, columns, "2013-01", "SELECT 1 AS a, 'x' AS b") == 1
    assert store(lake, columns, "2013-02", "SELECT 'y' AS b, range::INT AS a FROM range(2)") == 2
    assert store(lake, columns, "2013-01", "SELECT 9 AS a, NULL AS b") == 1
    assert rows(lake) == [(0, "y", "2013-02"), (1, "y", "2013-02"), (9, None, "2013-01")]


def test_a_partition_has_its_own_files(lake: duckdb.DuckDBPyConnection) -> None:
    for partition in ("2013-01", "2013-02"):
        store(lake, {"a": "BIGINT"}, partition, "SELECT range AS a FROM range(1000)")
    files = lake.execute(
        "SELECT data_file FROM ducklake_list_files('flights', 't', schema => 'raw')"
    ).fetchall()
    assert sorted("_partition=2013-01" in file for (file,) in files) == [False, True]


def test_an_unpartitioned_table_is_replaced_whole(lake: duckdb.DuckDBPyConnection) -> None:
    for value in (1, 2):
        store(lake, {"a": "INTEGER"}, None, f"SELECT {value} AS a", partitioned=False)
    assert rows(lake) == [(2, None)]


def test_an_empty_slice_is_stored(lake: duckdb.DuckDBPyConnection) -> None:
    store(lake, {"a": "INTEGER"}, "2013-01", "SELECT 1 AS a")
    assert store(lake, {"a": "INTEGER"}, "2013-01", "SELECT 1 AS a WHERE false") == 0
    assert rows(lake) == []


def test_the_same_columns_in_other_words_change_nothing(lake: duckdb.DuckDBPyConnection) -> None:
    store(
        lake,
        {"a": "INT", "t": "TIMESTAMPTZ", "d": "DECIMAL(9, 2)"},
        "p",
        "SELECT 1 AS a, now() AS t, 1 AS d",
    )
    before = lake.execute("SELECT max(schema_version) FROM flights.snapshots()").fetchone()
    same = {"a": "INTEGER", "t": "TIMESTAMP WITH TIME ZONE", "d": "NUMERIC(9,2)"}
    store(lake, same, "p", "SELECT 1 AS a, now() AS t, 1 AS d")
    after = lake.execute("SELECT max(schema_version) FROM flights.snapshots()").fetchone()
    assert before == after


def test_a_changed_unpartitioned_table_is_made_anew(lake: duckdb.DuckDBPyConnection) -> None:
    store(
        lake, {"a": "INTEGER", "b": "VARCHAR"}, None, "SELECT 1 AS a, 'x' AS b", partitioned=False
    )
    store(
        lake,
        {"b": "DOUBLE", "c": "DATE"},
        None,
        "SELECT 2.5 AS b, DATE '2013-01-01' AS c",
        partitioned=False,
    )
    assert stored_columns(lake, "flights", "raw", "t") == {
        "b": "DOUBLE",
        "c": "DATE",
        "_partition": "VARCHAR",
    }
    assert rows(lake, "b") == [(2.5,)]


def test_a_changed_partitioned_table_keeps_its_old_slices(lake: duckdb.DuckDBPyConnection) -> None:
    old = {"gone": "INTEGER", "kept": "INTEGER", "typed": "VARCHAR"}
    store(lake, old, "2013-01", "SELECT 1 AS gone, 2 AS kept, 'x' AS typed")
    store(lake, old, "2013-02", "SELECT range AS gone, 3 AS kept, 'x' AS typed FROM range(1000)")
    new = {"kept": "INTEGER", "typed": "INTEGER", "added": "DOUBLE"}
    store(lake, new, "2013-01", "SELECT 1.5 AS added, 5 AS kept, 7 AS typed")
    assert stored_columns(lake, "flights", "raw", "t") == {**new, "_partition": "VARCHAR"}
    assert lake.execute(
        "SELECT DISTINCT _partition, kept, typed, added FROM flights.raw.t ORDER BY 1"
    ).fetchall() == [("2013-01", 5, 7, 1.5), ("2013-02", 3, None, None)]


def test_a_table_changes_between_whole_and_partitioned(lake: duckdb.DuckDBPyConnection) -> None:
    store(lake, {"a": "INTEGER"}, None, "SELECT 1 AS a", partitioned=False)
    store(lake, {"a": "INTEGER"}, "2013-01", "SELECT 2 AS a")
    assert rows(lake) == [(2, "2013-01")]
    store(lake, {"a": "INTEGER"}, None, "SELECT 3 AS a", partitioned=False)
    assert rows(lake) == [(3, None)]


def test_names_are_quoted(lake: duckdb.DuckDBPyConnection) -> None:
    store(
        lake,
        {'odd "name"': "INTEGER", "select": "INTEGER"},
        "it's",
        'SELECT 1 AS "select", 2 AS "odd ""name"""',
    )
    assert rows(lake) == [(2, 1, "it's")]


@pytest.mark.slow
@given(data=ROWS, seed=st.integers())
def test_the_content_hash_ignores_order_and_threads(
    data: list[tuple[int | None, str | None, float | None]], seed: int
) -> None:
    shuffled = random.Random(seed).sample(data, len(data))
    hashes = set()
    for number, some in enumerate((data, shuffled)):
        with duckdb.connect(config={"threads": 1 + number}) as con:
            con.execute("CREATE TABLE t (a INTEGER, b VARCHAR, c DOUBLE)")
            if some:
                con.executemany("INSERT INTO t VALUES (?, ?, ?)", some)
            hashes.add(content_hash(con, "FROM t", ["a", "b", "c"]))
            hashes.add(content_hash(con, "SELECT c, b, a FROM t ORDER BY b", ["a", "b", "c"]))
    assert len(hashes) == 1


@pytest.mark.slow
@given(data=ROWS.filter(bool), place=st.integers(0), column=st.sampled_from("abc"))
def test_the_content_hash_sees_every_change(
    data: list[tuple[int | None, str | None, float | None]], place: int, column: str
) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (n INTEGER, a INTEGER, b VARCHAR, c DOUBLE)")
        con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(n, *r) for n, r in enumerate(data)])
        before = content_hash(con, "FROM t", ["a", "b", "c"])
        changed = {
            "a": "coalesce(xor(a, 1), 5)",
            "b": "coalesce(b || 'x', 'x')",
            "c": "CASE WHEN c = 0.25 THEN 0.5 ELSE 0.25 END",
        }[column]
        at = place % len(data)
        con.execute(f"UPDATE t SET {column} = {changed} WHERE n = {at}")
        assert content_hash(con, "FROM t", ["a", "b", "c"]) != before
        con.execute("INSERT INTO t FROM t")
        assert content_hash(con, "FROM t", ["a", "b", "c"]) != before


def test_the_content_hash_of_a_large_table_ignores_threads(lake: duckdb.DuckDBPyConnection) -> None:
    store(
        lake,
        {"a": "BIGINT", "b": "DOUBLE", "c": "VARCHAR"},
        "p",
        "SELECT range AS a, sqrt(range) AS b, 'c' || range % 7 AS c FROM range(300000)",
    )
    found = set()
    for threads in (1, 2):
        lake.execute(f"SET threads = {threads}")
        found.add(content_hash(lake, "FROM flights.raw.t", ["a", "b", "c"]))
        found.add(
            content_hash(lake, "SELECT a, b, c FROM flights.raw.t ORDER BY a DESC", ["a", "b", "c"])
        )
    assert len(found) == 1
