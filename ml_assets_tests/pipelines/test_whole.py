"""Every pipeline on its real data: all rows accounted for, and no feature sees the future."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.plan import Stored
from ml_assets.tables.summary import all_totals
from ml_assets.tables.time_travel import sample_cutoffs, travel
from ml_assets.tables.visibility import slice_keys
from ml_assets.warehouse import ledger
from ml_assets_tests.sandbox import planned

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.sandbox import Sandbox

pytestmark = pytest.mark.slow

CUTOFFS = int(os.environ.get("CUTOFFS", "8"))
"""Moments that each feature table is travelled to, spread over its history."""


def test_every_row_is_accounted_for(pipeline: Pipeline, whole: Sandbox) -> None:
    """Kept + rejected + duplicates + excluded = rows of the driving table, counted apart."""
    with whole.lake() as con:
        for table, found in all_totals(con, pipeline).items():
            gone = sum(found.rejected.values()) + found.duplicates + sum(found.excluded.values())
            assert found.rows_in == found.kept + gone, table
            added = getattr(pipeline.node(table).declared, "added", {})
            extra = sum(found.counts[name] for name in added)
            for name, rows in (
                (table, found.kept + extra),
                (f"{table}_rejected", sum(found.rejected.values())),
            ):
                stored = con.execute(f"SELECT count(*) FROM {pipeline.name}.{name}").fetchone()
                assert stored == (rows,), name
            driving = getattr(pipeline.node(table).declared, "rows", None)
            if driving is not None:
                # The months that a label looks ahead at have none of their own yet.
                inside = "true"
                if pipeline.node(table).partitioned and pipeline.node(driving).partitioned:
                    inside = f"_partition IN {tuple(slice_keys(pipeline, pipeline.node(table)))}"
                counted = con.execute(
                    f"SELECT count(*) FROM {pipeline.name}.{driving} WHERE {inside}"
                ).fetchone()
                assert counted == (found.rows_in,), table


def test_keys_are_unique(pipeline: Pipeline, whole: Sandbox) -> None:
    with whole.lake() as con:
        for node in pipeline.nodes.values():
            if isinstance(node.declared, CleanedTable | FeatureTable):
                key = ", ".join(node.declared.key)
                row = con.execute(
                    f"SELECT count(*) - count(DISTINCT row({key}))"
                    f" FROM {pipeline.name}.{node.dotted}"
                ).fetchone()
                assert row == (0,), node.dotted


def test_nothing_is_known_before_it_happens(pipeline: Pipeline, whole: Sandbox) -> None:
    with whole.lake() as con:
        for node in pipeline.nodes.values():
            table = node.declared
            if isinstance(table, CleanedTable) and table.known_at and table.event_time:
                row = con.execute(
                    f"SELECT count(*) FROM {pipeline.name}.{node.dotted}"
                    f" WHERE ({table.known_at} < {table.event_time}) IS NOT FALSE"
                ).fetchone()
                assert row == (0,), node.dotted


def test_every_row_lies_in_its_partition(pipeline: Pipeline, whole: Sandbox) -> None:
    with whole.lake() as con:
        for node in pipeline.nodes.values():
            if node.partitioned and node.layer != "raw":
                local = f"timezone('{pipeline.declaration.time_zone}', {node.declared.time})"
                row = con.execute(
                    f"SELECT count(*) FROM {pipeline.name}.{node.dotted}"
                    f" WHERE _partition IS DISTINCT FROM {pipeline.partitions.key_sql(local)}"
                ).fetchone()
                assert row == (0,), node.dotted


def test_a_built_pipeline_is_up_to_date(pipeline: Pipeline, whole: Sandbox) -> None:
    with whole.lake() as con:
        assert planned(con, pipeline) == []
        require_one_version(pipeline, Stored(ledger.current(con, pipeline.name)))


def test_no_feature_sees_the_future(pipeline: Pipeline, whole: Sandbox) -> None:
    keys = pipeline.partitions.keys()
    with whole.lake() as con:
        for node in pipeline.features:
            travelled = travel(con, pipeline, node, keys, cutoffs=CUTOFFS)
            assert travelled.faults == []
            assert len(travelled.cutoffs) == CUTOFFS
            sampled = sample_cutoffs(con, pipeline, node, keys, CUTOFFS)
            assert [moment for _, moment in sampled] == travelled.cutoffs
            windows = {key for key, _ in sampled}
            assert len(windows) == min(CUTOFFS, len(keys))
