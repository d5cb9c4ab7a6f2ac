"""Predictions: the champion, resolved once per run, scores every entity of the run's slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.reference import has_champion, live_version
from ml_assets.assets.shell import lake_of
from ml_assets.assets.slices import REFRESH_TAG, keys_of, reported, run_id
from ml_assets.assets.step import step_asset
from ml_assets.errors import DataError
from ml_assets.tables.freshness import training_inputs
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import QUALITY, broken_slices
from ml_assets.tables.scores import Scorer, due_scores, score_window, scores_table
from ml_assets.tables.stretches import build_together
from ml_assets.tables.training import spine
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline

SCORES = ("predictions", "scores")


def scores_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that scores with the champion."""
    table = scores_table(pipeline)
    return step_asset(
        pipeline,
        SCORES,
        _score_with_champion,
        after=[
            ("promotion",),
            ("monitoring", QUALITY),
            *(node.name for node in pipeline.features),
        ],
        kinds={"lightgbm", "duckdb"},
        description="The champion's answer for every entity; a score that was given stays.",
        partitioned=table.partitioned,
        metadata={"dagster/table_name": f"{pipeline.name}.{table.dotted}"},
    )


def _score_with_champion(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, int]:
    settings = Settings.from_environment()
    if REFRESH_TAG in context.run.tags and not has_champion(pipeline, settings):
        context.log.info("nothing to score with: no champion yet")
        return {"rows_scored": 0}
    scorer = resolve(pipeline, settings)
    built = _score_due(context, pipeline, scorer)
    return {
        "model_version": scorer.version,
        "rows_scored": sum(item.accounting.kept for item in built),
    }


def resolve(pipeline: Pipeline, settings: Settings) -> Scorer:
    """Return the champion ready to score; TrackingError without one.

    Raises DataError where its features are computed by other code than it was trained on.
    """
    from ml_assets.registry.package import load_native
    from ml_assets.registry.record import read_record

    version = live_version(pipeline, settings)
    record = read_record(settings.tracking_uri, version.run_id)
    _require_same_code(pipeline, version.version, dict(record.code_versions))
    model = load_native(settings.tracking_uri, version.uri)
    threads = pipeline.declaration.model.threads
    return Scorer(
        version.version,
        record.features,
        record.trained_on,
        lambda rows: model.predict(rows, threads),
    )


def _require_same_code(pipeline: Pipeline, version: int, trained: dict[str, str]) -> None:
    features = {node.name for node in pipeline.features}
    for node in pipeline.features:
        features |= {other.name for other in pipeline.ancestors(node)}
    for node in training_inputs(pipeline):
        then = trained.get(node.dotted)
        if node.name in features and then not in {None, node.code_version}:
            raise DataError(
                f"{pipeline.name} version {version} was trained on {node.dotted} of code {then};"
                f" the table's code is {node.code_version} now.",
                "Train and promote a version on today's code, or go back to the old one.",
            )


def _score_due(
    context: dg.AssetExecutionContext, pipeline: Pipeline, scorer: Scorer
) -> list[Built]:
    node, _ = spine(pipeline)
    with lake_of(context, pipeline).get_connection() as con:
        stored = Stored(ledger.current(con, pipeline.name))
        keys = keys_of(context, node)
        if REFRESH_TAG in context.run.tags:
            keys = due_scores(pipeline, stored, keys, scorer.trained_on)
        broken = broken_slices(con, pipeline)
        for key in sorted(broken.keys() & {*keys}):
            context.log.warning(f"{key} is not scored while it is broken: {broken[key]}")
        keys = [key for key in keys if key not in broken]
        if not keys:
            context.log.info("nothing to score")

        def score(window: Window | None) -> list[Built]:
            return score_window(
                con, pipeline, scorer, window, run_id=run_id(context), on_wait=context.log.info
            )

        rows = {item.partition: item.rows_kept for item in stored.of(node) if item.partition}
        return reported(context, build_together(pipeline, keys, rows, score))
