"""Asset factories, one file per layer, in the order data flows through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.data_quality import data_quality_asset
from ml_assets.assets.days import days_asset
from ml_assets.assets.decision import decision_asset
from ml_assets.assets.evaluation import evaluation_asset
from ml_assets.assets.lineage import table_lineage
from ml_assets.assets.looks import DRIFT, PERFORMANCE
from ml_assets.assets.model import model_asset
from ml_assets.assets.monitors import monitor_asset
from ml_assets.assets.predictions import scores_asset
from ml_assets.assets.promotion import promotion_asset
from ml_assets.assets.raw import raw_asset
from ml_assets.assets.reference import reference_asset
from ml_assets.assets.tables import select_asset
from ml_assets.assets.training_set import training_set_asset
from ml_assets.assets.walk_forward import walk_forward_asset

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.tables.pipeline import Pipeline


def pipeline_assets(pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """Return every asset of `pipeline`, from raw tables to the predictions."""
    lineage = table_lineage(pipeline)
    return [
        *(
            raw_asset(pipeline, node)
            if node.layer == "raw"
            else select_asset(pipeline, node, lineage[node.name])
            for node in pipeline.nodes.values()
        ),
        training_set_asset(pipeline),
        model_asset(pipeline),
        evaluation_asset(pipeline),
        promotion_asset(pipeline),
        reference_asset(pipeline),
        data_quality_asset(pipeline),
        scores_asset(pipeline),
        days_asset(pipeline),
        monitor_asset(pipeline, DRIFT),
        monitor_asset(pipeline, PERFORMANCE),
        decision_asset(pipeline),
        walk_forward_asset(pipeline),
    ]
