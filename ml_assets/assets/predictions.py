"""Predictions: the champion, resolved once per run, scores every entity of the run's slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.assets.decision import NAME as DECISION
from ml_assets.assets.reference import has_champion, live_version
from ml_assets.assets.same_code import changed_features
from ml_assets.assets.scorings import NEVER, due_scorings
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.slices import REFRESH_TAG, keys_of, reported, run_id
from ml_assets.assets.step import step_asset
from ml_assets.assets.successor import other_code, successor, unscorable
from ml_assets.errors import DataError
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import QUALITY, broken_slices
from ml_assets.tables.scores import Scorer, score_window, scores_table
from ml_assets.tables.spine import spine
from ml_assets.tables.stretches import build_together
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import current_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
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
        code_version=table.code_version,
        table=table,
    )


def _score_with_champion(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, Any]:
    settings = Settings.from_environment()
    if not _by_name(pipeline, context):
        return _score_in_the_loop(context, pipeline, settings)
    scorer, keys = resolve(pipeline, settings), keys_of(context, spine(pipeline)[0])
    with lake_of(context, pipeline).get_connection() as con:
        broken = broken_slices(con, pipeline)
        for key in sorted(broken.keys() & {*keys}):
            context.log.warning(f"{key} is not scored while it is broken: {broken[key]}")
        rows = _score(context, con, pipeline, scorer, [key for key in keys if key not in broken])
    return {"model_version": scorer.version, "rows_scored": rows}


def _score_in_the_loop(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings
) -> dict[str, Any]:
    """Score what is due, where there is who can; a score that was given stays."""
    if not has_champion(pipeline, settings):
        context.log.info("nothing to score with: no champion yet")
        return {"rows_scored": 0}
    held = unscorable(pipeline, settings)
    if held is not None:
        context.log.warning(f"nothing is scored. {held}")
        return {"rows_scored": 0, "held": str(held)}
    return _score_due(context, pipeline, settings)


def _by_name(pipeline: Pipeline, context: dg.AssetExecutionContext) -> bool:
    """Return whether scores themselves were asked for: then they are made anew, or it fails.

    In a run of the whole loop the decision follows, which tells people what it waits for.
    """
    selection = context.run.asset_selection
    loop = selection is None or asset_key(pipeline, DECISION) in selection
    return not loop and REFRESH_TAG not in context.run.tags


def resolve(pipeline: Pipeline, settings: Settings) -> Scorer:
    """Return the champion ready to score; TrackingError without one.

    Raises DataError where its features are computed by other code than it was trained on.
    """
    return _scorer(pipeline, settings, live_version(pipeline, settings))


def _scorer(pipeline: Pipeline, settings: Settings, version: Version) -> Scorer:
    from ml_assets.registry.package import load_native
    from ml_assets.registry.record import read_record

    record = read_record(settings.tracking_uri, version.run_id)
    changed = changed_features(pipeline, record)
    if changed:
        raise DataError(other_code(version, changed), successor(pipeline, settings))
    model = load_native(settings.tracking_uri, version.uri)
    threads = pipeline.declaration.model.threads
    return Scorer(
        version.version,
        record.features,
        record.trained_on,
        lambda rows: model.predict(rows, threads),
        model.classes,
    )


def _score_due(
    context: dg.AssetExecutionContext, pipeline: Pipeline, settings: Settings
) -> dict[str, Any]:
    """Score what is due; what replaces scores says why, and where those before are found."""
    rows, anew = 0, []
    with lake_of(context, pipeline).get_connection() as con:
        found = due_scorings(con, pipeline, settings, keys_of(context, spine(pipeline)[0]))
        for key, why in found.left.items():
            context.log.warning(f"{key} is not scored: {why}")
        for scoring in found.due:
            before = current_snapshot(con, pipeline.name)
            told = {key: why for key, why in found.reasons.items() if key in scoring.keys}
            anew += [
                f"{key or 'all'}: {why}; the scores before are in snapshot {before}"
                for key, why in told.items()
                if why != NEVER
            ]
            scorer = _scorer(pipeline, settings, scoring.version)
            rows += _score(context, con, pipeline, scorer, scoring.keys)
    for line in anew:
        context.log.info(line)
    if not found.due:
        context.log.info("nothing to score")
    scored = {"scored anew": dg.MetadataValue.md("\n".join(f"- {line}" for line in anew))}
    live = live_version(pipeline, settings).version
    return {"model_version": live, "rows_scored": rows, **(scored if anew else {})}


def _score(
    context: dg.AssetExecutionContext,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    scorer: Scorer,
    keys: Sequence[str | None],
) -> int:
    """Score slices with one version; return the rows."""
    stored = Stored(ledger.current(con, pipeline.name))

    def score(window: Window | None) -> list[Built]:
        return score_window(
            con, pipeline, scorer, window, run_id=run_id(context), on_wait=context.log.info
        )

    node, _ = spine(pipeline)
    built = reported(context, build_together(pipeline, keys, stored.rows(node), score))
    return sum(item.accounting.kept for item in built)
