"""Accounting of a feature table: told in sums of hashes, and by key where these differ."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.sql.names import literal
from ml_assets.sql.tables import FeatureTable
from ml_assets.tables.account import account_slices
from ml_assets.tables.visibility import slice_variables
from ml_assets_tests.shop import MONTHS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets_tests.sandbox import Sandbox

Key = tuple[int, str]
Row = tuple[Key, str | None]
KEYS = st.tuples(st.integers(1, 4), st.sampled_from(MONTHS[:2]))


@pytest.fixture(scope="module")
def con() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS shop; CREATE SCHEMA shop.cleaned")
        con.execute(
            "CREATE TABLE shop.cleaned.orders (id INTEGER, shop VARCHAR, amount INTEGER,"
            " placed_at TIMESTAMPTZ, known_at TIMESTAMPTZ, _partition VARCHAR)"
        )
        con.execute("CREATE TEMP TABLE _judged (id INTEGER, _partition VARCHAR, _reason VARCHAR)")
        yield con


@settings(max_examples=25)
@given(
    went_in=st.sets(KEYS),
    came_out=st.lists(st.tuples(KEYS, st.sampled_from([None, None, None, "bad"]))),
    faithful=st.booleans(),
)
def test_every_key_is_told_apart(
    shop_as_built: Sandbox,
    con: DuckDBPyConnection,
    went_in: set[Key],
    came_out: list[Row],
    *,
    faithful: bool,
) -> None:
    rows: list[Row] = [(key, None) for key in sorted(went_in)] if faithful else came_out
    pipeline = shop_as_built.pipeline
    window, node = pipeline.partitions.window(*MONTHS), pipeline.node("features.orders")
    con.execute(slice_variables(pipeline, window))
    _fill(con, went_in, rows)
    assert isinstance(node.declared, FeatureTable)
    found = account_slices(con, pipeline, node, node.declared, window)
    assert found.keys() == {key[1] for key in went_in} | {key[1] for key, _ in rows}
    for month, accounting in found.items():
        own = {key for key in went_in if key[1] == month}
        outcomes = Counter(key for key, _ in rows if key[1] == month)
        assert (accounting.rows, accounting.lost, accounting.fan_out, accounting.invented) == (
            len(own),
            len(own - outcomes.keys()),
            sum(outcomes[key] > 1 for key in own),
            len(outcomes.keys() - own),
        )
        assert accounting.rejected == sum(key[1] == month for key, bad in rows if bad)
        assert accounting.kept + accounting.rejected == outcomes.total()
        assert bool(accounting.faults()) == (outcomes != Counter(own))


def _fill(
    con: DuckDBPyConnection,
    went_in: set[Key],
    rows: list[Row],
) -> None:
    moment = "TIMESTAMPTZ '2024-02-01 12:00:00+00'"
    orders = [f"({n}, 'north', 1, {moment}, {moment}, '{month}')" for n, month in went_in]
    judged = [f"({n}, '{month}', {literal(why) if why else 'NULL'})" for (n, month), why in rows]
    for table, values in (("shop.cleaned.orders", orders), ("_judged", judged)):
        con.execute(f"TRUNCATE {table}")
        if values:
            con.execute(f"INSERT INTO {table} VALUES {', '.join(values)}")
