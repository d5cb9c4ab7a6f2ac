"""What the UI shows of every asset: group, kinds, owners, words, columns, checks, partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.shell import checks_of, partitions_def
from ml_assets.component.folder import load_folder
from ml_assets_tests.assets.running import definitions
from ml_assets_tests.sandbox import FOLDERS, Sandbox

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline

TABLE_LAYERS = ("raw", "cleaned", "features")
SHARED = {"schema", "rejected_rows", "volume"}


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """One of the repository's pipelines."""
    return load_folder(request.param)


@pytest.fixture(scope="module")
def graph(pipeline: Pipeline) -> dg.BaseAssetGraph:
    """The pipeline's assets."""
    box = Sandbox(pipeline.folder.parent.parent, pipeline.name)
    return definitions(box).resolve_asset_graph()


def test_every_asset_has_a_group_kinds_owners_and_words(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    assert len(graph.get_all_asset_keys()) == len(pipeline.nodes) + 12
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        assert asset.group_name == pipeline.name
        assert asset.kinds
        assert asset.code_version
        assert asset.owners == list(pipeline.declaration.owners)
        assert asset.description


def test_every_table_tells_its_name_columns_and_code(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    for node in pipeline.nodes.values():
        asset = graph.get(dg.AssetKey([pipeline.name, *node.name]))
        assert asset.code_version == node.code_version
        assert asset.metadata["dagster/table_name"] == f"{pipeline.name}.{node.dotted}"
        schema = asset.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == list(node.types)
        assert all(column.description for column in schema.columns)
        if node.layer != "raw":
            lineage = asset.metadata["dagster/column_lineage"]
            assert set(lineage.deps_by_column) == set(node.types)
        if node.select is not None:
            assert node.select.text.strip() in (asset.description or "")


def test_every_table_that_the_platform_makes_tells_its_columns_in_words(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    own = {dg.AssetKey([pipeline.name, *node.name]) for node in pipeline.nodes.values()}
    tables = [
        graph.get(key).metadata.get("dagster/column_schema")
        for key in graph.get_all_asset_keys()
        if key not in own
    ]
    shown = [table for table in tables if table is not None]
    assert len(shown) == 5
    for table in shown:
        assert all(column.description for column in table.columns)


def test_every_table_is_cut_into_the_pipelines_windows(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    for node in pipeline.nodes.values():
        asset = graph.get(dg.AssetKey([pipeline.name, *node.name]))
        assert asset.is_partitioned == node.partitioned
        if node.partitioned:
            assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_every_table_depends_on_what_its_select_reads(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    for node in pipeline.nodes.values():
        asset = graph.get(dg.AssetKey([pipeline.name, *node.name]))
        assert asset.parent_keys == {dg.AssetKey([pipeline.name, *name]) for name in node.upstream}


def test_every_table_has_its_checks_and_they_block(
    pipeline: Pipeline,
    graph: dg.BaseAssetGraph,
) -> None:
    for node in pipeline.nodes.values():
        asset = graph.get(dg.AssetKey([pipeline.name, *node.name]))
        names = {key.name for key in asset.check_keys}
        assert names >= SHARED
        assert ("accounting" in names) == (node.layer != "raw")
        assert ("time_travel" in names) == (node.layer == "features" and node.partitioned)
        assert ("undeclared_columns" in names) == (node.layer == "raw")
        for name in checks_of(node):
            assert graph.get(dg.AssetCheckKey(asset.key, name)).blocking


def test_dagsters_partitions_are_the_pipelines(pipeline: Pipeline) -> None:
    dagsters = partitions_def(pipeline)
    keys = pipeline.partitions.keys()
    assert dagsters.get_partition_keys() == keys
    for key in keys:
        window = dagsters.time_window_for_partition_key(key)
        ours = pipeline.partitions.window(key)
        assert (window.start.timestamp(), window.end.timestamp()) == (
            ours.start.timestamp(),
            ours.end.timestamp(),
        )


@pytest.mark.parametrize(
    ("every", "start", "end"),
    [
        ("day", "2024-03-30", "2024-04-02"),
        ("week", "2024-03-18", "2024-04-08"),
        ("month", "2024-02", "2024-04"),
    ],
)
def test_windows_of_every_length_agree_with_dagsters(
    shop: Sandbox, every: str, start: str, end: str
) -> None:
    """Over the night of 31 March, when the clocks of Berlin go forward."""
    shop.declare(
        lambda declared: declared.update(partitions={"every": every, "start": start, "end": end})
    )
    test_dagsters_partitions_are_the_pipelines(shop.pipeline)
