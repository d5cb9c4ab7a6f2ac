"""Walk forward through time: a model per test partition, each trained on the past only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.step import step_asset
from ml_assets.assets.train import read_at, training_code
from ml_assets.assets.training_set import reading
from ml_assets.tables.metrics import declared_metrics
from ml_assets.tables.recipes import recipes
from ml_assets.tables.spine import feature_names
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from ml_assets.ml.walk import Walk
    from ml_assets.tables.pipeline import Pipeline

NAME = "walk_forward"


def walk_forward_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that measures how the pipeline's models do month after month."""
    return step_asset(
        pipeline,
        NAME,
        _walk_and_tell,
        after=[("training_set",)],
        kinds={"lightgbm"},
        description="One model per test partition, trained on all partitions before it.",
        code_version=training_code(pipeline),
    )


def _walk_and_tell(
    pipeline: Pipeline, context: dg.AssetExecutionContext
) -> dict[str, dg.MetadataValue | float]:
    found = _walk(context, pipeline)
    return {"table": dg.MetadataValue.md(found.markdown()), **found.means()}


def _walk(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Walk:
    from ml_assets.ml.declared import metric_columns
    from ml_assets.ml.walk import walk

    settings = Settings.from_environment()
    source = reading(context, pipeline)
    names, declared = feature_names(pipeline), declared_metrics(pipeline)
    read = [*names, *metric_columns(declared, names)]
    table, digest = read_at(pipeline, settings, source.snapshot, source.as_of, read)
    folder = settings.data / "tuning"
    folder.mkdir(parents=True, exist_ok=True)
    # As in training: a search that another process still works on is not to be taken over.
    lock = folder / f"{pipeline.name}-walk.lock"
    with file_turn(lock, pipeline.name, "walking forward", context.log.info):
        return walk(
            table,
            names,
            pipeline.declaration.model,
            storage=f"sqlite:///{folder / pipeline.name}.sqlite",
            study=f"{pipeline.name}-walk-{digest}-{training_code(pipeline)}",
            progress=context.log.info,
            recipes=recipes(pipeline),
            declared=declared,
        )
