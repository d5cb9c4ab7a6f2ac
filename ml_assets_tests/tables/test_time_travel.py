"""No feature sees the future: what was not yet known is hidden, and nothing may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.tables.time_travel import sample_cutoffs, travel
from ml_assets_tests.leaks import LEAKS, Leak
from ml_assets_tests.sample import MONTHS
from ml_assets_tests.sandbox import build, contents

if TYPE_CHECKING:
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
    assert f"differ with what was known at {cutoff.isoformat()}: (id=" in fault
    assert " became " in fault
    assert travelled.leaking == ("paid_week",)
    assert travelled.summary.startswith("time travel to 1 moments: 1 differences")


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
        assert con.execute(
            "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'then'"
        ).fetchone() == (0,)


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
