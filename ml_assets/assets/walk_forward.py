"""Walk forward through time: a model per test partition, each trained on the past only."""

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.assets.shell import asset_key, resources_of
from ml_assets.assets.slices import failure
from ml_assets.assets.train import read_at, training_code
from ml_assets.assets.training_set import reading
from ml_assets.errors import MLAssetsError
from ml_assets.tables.training import feature_names
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from ml_assets.ml.walk import Walk
    from ml_assets.tables.pipeline import Pipeline

NAME = "walk_forward"


def walk_forward_asset(pipeline: "Pipeline") -> dg.AssetsDefinition:
    """Return the asset that measures how the pipeline's models do month after month."""

    @dg.asset(
        key=asset_key(pipeline, NAME),
        deps=[asset_key(pipeline, "training_set")],
        group_name=pipeline.name,
        kinds={"lightgbm"},
        owners=list(pipeline.declaration.owners),
        description="One model per test partition, trained on all partitions before it.",
        code_version=training_code(pipeline),
        required_resource_keys=resources_of(pipeline),
    )
    def walk_forward(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            found = _walk(context, pipeline)
        except MLAssetsError as error:
            raise failure(error) from error
        return dg.MaterializeResult(
            metadata={"table": dg.MetadataValue.md(found.markdown()), **found.means()}
        )

    return walk_forward


def _walk(context: dg.AssetExecutionContext, pipeline: "Pipeline") -> "Walk":
    from ml_assets.ml.walk import walk

    settings = Settings.from_environment()
    source = reading(context, pipeline)
    names = feature_names(pipeline)
    table, digest = read_at(pipeline, settings, source.snapshot, source.as_of, names)
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
        )
