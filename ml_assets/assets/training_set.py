"""The training set: which rows can train, and the one snapshot all of them are read at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.events import latest, latest_check
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.step import step_asset
from ml_assets.assets.tables import TIME_TRAVEL
from ml_assets.errors import DataError, MLAssetsError
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.training import TrainingSet, spine, summarise
from ml_assets.warehouse.snapshots import current_snapshot

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline

NAME = "training_set"


@dataclass(frozen=True)
class Reading:
    """What a materialized training set says about how to read it."""

    snapshot: int
    as_of: datetime
    """Labels known by then are in it."""


def training_set_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that decides what the model is trained on."""
    label = pipeline.declaration.label.table
    return step_asset(
        pipeline,
        NAME,
        _decide,
        after=[*(node.name for node in pipeline.features), pipeline.node(label).name],
        kinds={"duckdb"},
        description=(
            f"Features of {spine(pipeline)[0].dotted} and its fellows, joined with mature labels "
            f"of {label}, read at one snapshot of the lake."
        ),
    )


def _decide(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, dg.MetadataValue]:
    as_of = clock.now()
    _require_no_leak(context.instance, pipeline)
    with lake_of(context, pipeline).get_connection() as con:
        con.begin()
        snapshot = current_snapshot(con, pipeline.name)
        require_one_version(con, pipeline)
        found = summarise(con, pipeline, as_of)
        con.rollback()
    context.log.info(
        f"{found.rows:,} of {found.entities:,} rows have a label known by now; "
        f"read at snapshot {snapshot}"
    )
    return _metadata(found, snapshot, as_of)


def _require_no_leak(instance: dg.DagsterInstance, pipeline: Pipeline) -> None:
    """Raise DataError where a feature table saw the future when it was last checked.

    Its slices are stored and up to date: a later run would no longer pass through its check.
    """
    for node in pipeline.features:
        key = dg.AssetCheckKey(asset_key(pipeline, *node.name), TIME_TRAVEL)
        found = latest_check(instance, key)
        if found is not None and not found.passed:
            raise DataError(
                f"{node.dotted} sees the future in {', '.join(found.values['leaking'])}.",
                "Correct the SELECT, or known_at of what it reads, and materialize it again.",
            )


def reading(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Reading:
    """Return how the newest training set is to be read; raises MLAssetsError if there is none."""
    value = latest(context.instance, asset_key(pipeline, NAME))
    if value is None:
        raise MLAssetsError(
            f"{pipeline.name} has no training set yet.", f"Materialize {pipeline.name}/{NAME}."
        )
    return Reading(int(value["snapshot"]), datetime.fromtimestamp(value["as_of"], UTC))


def _metadata(found: TrainingSet, snapshot: int, as_of: datetime) -> dict[str, dg.MetadataValue]:
    table = "\n".join(f"| {key} | {rows:,} |" for key, rows in found.by_partition.items())
    return {
        "dagster/row_count": dg.MetadataValue.int(found.rows),
        "rows_entities": dg.MetadataValue.int(found.entities),
        "rows_without_label": dg.MetadataValue.int(found.without_label),
        "rows_immature": dg.MetadataValue.int(found.immature),
        "snapshot": dg.MetadataValue.int(snapshot),
        "as_of": dg.MetadataValue.timestamp(as_of),
        "rows by partition": dg.MetadataValue.md(f"| partition | rows |\n|---|---:|\n{table}"),
    }
