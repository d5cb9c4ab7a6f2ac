"""The training set: which rows can train, and the one snapshot all of them are read at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.attempts import PIPELINE, another, by_hand_tags, is_to_train
from ml_assets.assets.events import latest
from ml_assets.assets.reference import has_champion
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.step import step_asset
from ml_assets.assets.train import training_code
from ml_assets.assets.verdicts import prove, require_proven
from ml_assets.errors import MLAssetsError
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import broken_slices
from ml_assets.tables.spine import spine
from ml_assets.tables.training import TrainingSet, summarise
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import current_snapshot
from ml_assets.words import minute

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
        code_version=training_code(pipeline),
        config={"reason": dg.Field(str, is_required=False, description="Why it is trained.")},
        description=(
            f"Features of {spine(pipeline)[0].dotted} and its fellows, joined with mature labels "
            f"of {label}, read at one snapshot of the lake."
        ),
    )


def _decide(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, dg.MetadataValue]:
    _count_as_retraining(pipeline, context)
    as_of = clock.now()
    if "reason" in context.op_config:
        context.log.info(f"retrains: {context.op_config['reason']}")
    with lake_of(context, pipeline).get_connection() as con:
        prove(context, con, pipeline)
        con.begin()
        snapshot = current_snapshot(con, pipeline.name)
        stored = Stored(ledger.current(con, pipeline.name))
        require_one_version(pipeline, stored)
        require_proven(context.instance, pipeline, stored)
        broken = broken_slices(con, pipeline)
        found = summarise(con, pipeline, as_of, broken)
        con.rollback()
    for key, reason in sorted(broken.items()):
        context.log.warning(f"{key} is left out while it is broken: {reason}")
    context.log.info(
        f"{found.rows:,} of {found.entities:,} rows have a label known by now; "
        f"read at snapshot {snapshot}"
    )
    return _metadata(found, snapshot, as_of)


def _count_as_retraining(pipeline: Pipeline, context: dg.AssetExecutionContext) -> None:
    """Let the loop know of a run that trains a challenger, whoever started it; one at a time.

    The sensor asks before it launches one, and a person is told here.
    """
    own = PIPELINE in context.run.tags
    if not own and not is_to_train(context.run, pipeline):
        return
    busy = another(context.instance, pipeline, context.run)
    if busy is not None:
        raise MLAssetsError(
            f"{pipeline.name} is being retrained: {busy.run_key} has been {busy.status} since"
            f" {minute(busy.started_at)}.",
            "Wait for it: it trains on the same data. Or cancel it in Dagster.",
        )
    if not own and has_champion(pipeline, Settings.from_environment()):
        context.instance.add_run_tags(context.run.run_id, by_hand_tags(pipeline))


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
        "rows_broken": dg.MetadataValue.int(found.broken),
        "snapshot": dg.MetadataValue.int(snapshot),
        "as_of": dg.MetadataValue.timestamp(as_of),
        "rows by partition": dg.MetadataValue.md(f"| partition | rows |\n|---|---:|\n{table}"),
    }
