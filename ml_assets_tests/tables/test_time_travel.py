"""No feature sees the future: what was not yet known is hidden, and nothing may change."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.tables.plan import Stored
from ml_assets.tables.time_travel import cutoffs_for, sample_cutoffs, travel
from ml_assets.tables.world import BEFORE, PREFIX, WHOLE, World, forget_worlds
from ml_assets.warehouse import ledger
from ml_assets_tests.leaks import LEAKS, Leak
from ml_assets_tests.sample import MONTHS
from ml_assets_tests.sandbox import build, contents
from ml_assets_tests.shop import order

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets_tests.sandbox import Sandbox

FEATURES = ("schedule", "weather", "operations", "history", "aircraft")


@pytest.mark.parametrize("table", FEATURES)
def test_no_feature_of_the_flights_sees_the_future(sample_as_built: Sandbox, table: str) -> None:
    pipeline = sample_as_built.pipeline
    with sample_as_built.lake() as con:
        travelled = travel(con, pipeline, pipeline.node(f"features.{table}"), MONTHS[1:], cutoffs=1)
    assert travelled.faults == []
    assert len(travelled.cutoffs) == 1
    assert travelled.rows > 100


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_planted_leak_is_named(sample: Sandbox, leak: Leak) -> None:
    leak.plant(sample)
    pipeline = sample.pipeline
    with sample.lake() as con:
        for table in leak.rebuilt:
            build(con, pipeline, pipeline.node(table), ["2013-02"])
        travelled = travel(con, pipeline, pipeline.node(leak.table), ["2013-02"])
    assert leak.column in travelled.leaking
    assert any(fault.startswith(f"{leak.table}.{leak.column}: ") for fault in travelled.faults)


def test_the_fault_names_count_cutoff_key_and_values(shop: Sandbox) -> None:
    shop.replace(
        "features.orders", "p.known_at <= o.placed_at", "p.known_at <= o.placed_at + INTERVAL 1 DAY"
    )
    pipeline = shop.pipeline
    node = pipeline.node("features.orders")
    with shop.lake() as con:
        build(con, pipeline, node, ["2024-02"])
        travelled = travel(con, pipeline, node, ["2024-02"], cutoffs=1)
    (fault,) = travelled.faults
    (cutoff,) = travelled.cutoffs
    assert f"1 row differs with what was known at {cutoff.isoformat()}: (id=" in fault
    assert " became " in fault
    assert travelled.leaking == ("paid_week",)
    assert travelled.summary.startswith("time travel to 1 moment: 1 difference (")


@pytest.mark.parametrize(("rows", "expected"), [(2, 3), (166_666, 3), (166_667, 2), (10**9, 2)])
def test_large_slices_are_looked_at_from_fewer_moments(
    shop: Sandbox, rows: int, expected: int
) -> None:
    node = shop.pipeline.node("features.orders")
    with shop.lake() as con:
        build(con, shop.pipeline, node)
        slices = ledger.current(con, "shop")
    large = Stored([replace(item, rows_kept=rows) for item in slices])
    assert cutoffs_for(large, node, ["2024-02"]) == expected
    assert cutoffs_for(Stored(slices), node, ["2024-02"]) == 3


def test_a_lookback_that_is_too_short_shows(shop: Sandbox) -> None:
    """Built with its neighbours a slice sees more of the past than when it is built alone."""
    shop.declare(lambda declared: declared["features"]["orders"].update(lookback="1 day"))
    pipeline = shop.pipeline
    node = pipeline.node("features.orders")
    with shop.lake() as con:
        build(con, pipeline, node)
        travelled = travel(con, pipeline, node, ["2024-02"])
    assert travelled.leaking == ("paid_week",)


def test_a_world_reaches_back_as_far_as_the_longest_chain_of_lookbacks(shop: Sandbox) -> None:
    def look_back(declared: dict[str, Any]) -> None:
        for table in ("orders", "payments"):
            declared["cleaned"][table].update(lookback="10 days")

    shop.declare(look_back)
    pipeline = shop.pipeline
    window = pipeline.partitions.window("2024-03")
    with shop.lake() as con:
        stored = Stored(ledger.current(con, pipeline.name))
        world = World(con, pipeline, stored, window.end, window)
        world.rebuilt(pipeline.node("features.orders"))
        first = con.execute(
            f'SELECT min(placed_at) FROM {world.name}.{WHOLE}."cleaned.orders{BEFORE}"'
        ).fetchone()
    # 14 days of the feature and 10 of the cleaned table; the other cleaned one lies beside it.
    assert first is not None
    assert window.start - first[0] > timedelta(days=23)
    assert window.start - first[0] <= timedelta(days=24)


def test_worlds_are_shared_by_tables_and_rebuilt_when_the_data_changes(
    shop: Sandbox,
) -> None:
    pipeline = shop.pipeline
    node = pipeline.node("features.orders")
    with chdir(shop.root), shop.lake() as con:
        travel(con, pipeline, node, ["2024-02"], cutoffs=2)
        first = _worlds(con)
        travel(con, pipeline, node, ["2024-02"], cutoffs=2)
        assert _worlds(con) == first
        shop.edit("orders", lambda lines: [*lines, order(9001, "2024-02", 5)])
        for table in ("raw.orders", "cleaned.orders", "features.orders"):
            build(con, pipeline, pipeline.node(table))
        travelled = travel(con, pipeline, node, ["2024-02"], cutoffs=2)
        assert travelled.faults == []
        later = _worlds(con)
        forget_worlds(con)
        assert _worlds(con) == set()
    assert len(first) == len(later) == 2
    assert not first & later


def _worlds(con: DuckDBPyConnection) -> set[str]:
    rows = con.execute("SELECT database_name FROM duckdb_databases()").fetchall()
    return {name for (name,) in rows if name.startswith(PREFIX)}


def test_a_rejected_row_became_known_too(shop: Sandbox) -> None:
    """A raw row that one table rejected and another kept is hidden until it was known."""
    shop.declare(
        lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(max=105)
    )
    pipeline = shop.pipeline
    with shop.lake() as con:
        for table in ("cleaned.orders", "features.orders"):
            build(con, pipeline, pipeline.node(table))
        travelled = travel(con, pipeline, pipeline.node("features.orders"), ["2024-02"])
    assert travelled.faults == []
    assert travelled.rows > 0


def test_the_check_leaves_everything_as_it_was(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    with shop.lake() as con:
        before = contents(con, pipeline)
        snapshot = con.execute("FROM shop.current_snapshot()").fetchone()
        travel(con, pipeline, pipeline.node("features.orders"), ["2024-02"])
        assert con.execute("FROM shop.current_snapshot()").fetchone() == snapshot
        assert contents(con, pipeline) == before
        assert build(con, pipeline, pipeline.node("features.orders"), ["2024-02"])


def test_cutoffs_are_prediction_times_spread_over_the_partitions(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    node = pipeline.node("features.orders")
    keys = pipeline.partitions.keys()
    with shop.lake() as con:
        sampled = sample_cutoffs(con, pipeline, node, keys, 5)
        assert sample_cutoffs(con, pipeline, node, keys, 5) == sampled
        times = {
            row[0] for row in con.execute("SELECT placed_at FROM shop.features.orders").fetchall()
        }
        many = sample_cutoffs(con, pipeline, node, ["2024-02"], 10_000)
    assert {key for key, _ in sampled} == set(keys)
    assert {moment for _, moment in sampled} <= times
    assert len(many) == len(set(many)) == 84


def test_a_slice_without_rows_is_travelled_to_no_moment(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    with shop.lake() as con:
        con.execute("DELETE FROM shop.features.orders WHERE _partition = '2024-02'")
        travelled = travel(con, pipeline, pipeline.node("features.orders"), ["2024-02"])
    assert (travelled.cutoffs, travelled.rows, travelled.faults) == ([], 0, [])
