"""monitoring/data_quality: whether what is about to be scored is whole, and is there in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.monitors import check_result
from ml_assets.assets.quality_numbers import numbers, plot
from ml_assets.assets.reference import REFERENCE, ensure_reference
from ml_assets.assets.shell import asset_key, lake_of
from ml_assets.assets.slices import REFRESH_TAG, keys_of, run_id
from ml_assets.assets.step import step_asset
from ml_assets.assets.successor import unscorable
from ml_assets.tables.findings import findings_table, newest_windows, read_findings, store_findings
from ml_assets.tables.overdue import FRESHNESS, expected, freshness_found
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import QUALITY, built, due_quality, quality_found, quality_inputs
from ml_assets.tables.spine import spine
from ml_assets.tables.stretches import stretches
from ml_assets.warehouse import ledger
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.monitors.reference import Reference
    from ml_assets.tables.findings import Found
    from ml_assets.tables.pipeline import Pipeline

CHECKS = {
    QUALITY: "In the newest slice no feature is missing far more often than in the reference.",
    FRESHNESS: "The newest slice of a history that goes on was built in time.",
}
HINTS = {
    QUALITY: "Correct the source and refresh; where the world is like that now, raise"
    " monitoring.missing in defs.yaml.",
    FRESHNESS: "Look at the source and the schedule and refresh; where the history has ended,"
    " declare partitions.end.",
}
NOBODY = "no champion yet"


def data_quality_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that stops scoring where data is broken."""
    table = findings_table(pipeline, QUALITY)
    name = ("monitoring", QUALITY)
    return step_asset(
        pipeline,
        name,
        _judge,
        after=[REFERENCE, *(node.name for node in pipeline.features)],
        kinds={"duckdb"},
        description="Features that went missing and slices that are late: what no change of the"
        " world explains, and what is not scored.",
        code_version=table.code_version,
        table=table,
        checks=[
            dg.AssetCheckSpec(
                cause, asset=asset_key(pipeline, *name), blocking=True, description=text
            )
            for cause, text in CHECKS.items()
        ],
    )


def _judge(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    settings = Settings.from_environment()
    champion = _champion(pipeline, settings)
    if champion is None:
        return dg.MaterializeResult(
            metadata={"status": NOBODY},
            check_results=[_passed(pipeline, cause, NOBODY) for cause in CHECKS],
        )
    held = unscorable(pipeline, settings)
    if held is not None:
        return _held(pipeline, context, champion[0], str(held))
    newest, everything = _looked(pipeline, context, *champion)
    for cause, found in newest.items():
        if found.verdict == "broken":
            context.log.error(f"{cause} in {found.period}: {found.reason}")
    return dg.MaterializeResult(
        metadata={"model_version": champion[0], **numbers(newest), **plot(everything)},
        check_results=[_checked(pipeline, cause, newest.get(cause)) for cause in CHECKS],
    )


def _held(
    pipeline: Pipeline, context: dg.AssetExecutionContext, version: int, why: str
) -> dg.MaterializeResult[None]:
    """Judge nothing but what is late: features of other code are not missing, they are others."""
    last = expected(pipeline, clock.now())
    with lake_of(context, pipeline).get_connection() as con:
        stored = Stored(ledger.current(con, pipeline.name))
    fresh = None if last is None else freshness_found(pipeline, stored, version, last)
    return dg.MaterializeResult(
        metadata={"model_version": version, "held": why},
        check_results=[_passed(pipeline, QUALITY, why), _checked(pipeline, FRESHNESS, fresh)],
    )


def _champion(pipeline: Pipeline, settings: Settings) -> tuple[int, Reference] | None:
    """Return the champion's number and reference, None without a champion."""
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    if version is None:
        return None
    return version.version, ensure_reference(pipeline, settings, version)


def _looked(
    pipeline: Pipeline, context: dg.AssetExecutionContext, version: int, reference: Reference
) -> tuple[dict[str, Found], list[Found]]:
    """Judge what is due and store it; return the newest slices' findings by cause, and all."""
    last = expected(pipeline, clock.now())
    with lake_of(context, pipeline).get_connection() as con:
        stored = Stored(ledger.current(con, pipeline.name))
        fresh = None if last is None else freshness_found(pipeline, stored, version, last)
        due = _due(context, con, pipeline, stored, version, fresh)
        broken: list[Found] = []
        for window in stretches(pipeline, due, stored.rows(spine(pipeline)[0])):
            there = built(pipeline, stored, window.keys)
            quality = quality_found(con, pipeline, version, reference, there)
            broken += [one for one in quality.values() if one.verdict == "broken"]
            over = [key for key in window.keys if last is not None and key <= last]
            late = {key: freshness_found(pipeline, stored, version, key) for key in over}
            store_findings(
                con,
                pipeline,
                QUALITY,
                window,
                {key: [one[key] for one in (quality, late) if key in one] for key in window.keys},
                lambda key: quality_inputs(pipeline, stored, version, key),
                run_id=run_id(context),
                on_wait=context.log.info,
            )
        everything = read_findings(con, pipeline, QUALITY)
    newest = newest_windows(everything)
    # What broke is told when it is seen, also where a whole slice followed it meanwhile.
    if broken:
        newest[QUALITY] = broken[-1]
    # What is late is asked of the clock: what was stored of a history may have been closed since.
    newest.pop(FRESHNESS, None)
    return newest if fresh is None else {**newest, FRESHNESS: fresh}, everything


def _due(
    context: dg.AssetExecutionContext,
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    stored: Stored,
    version: int,
    fresh: Found | None,
) -> list[str]:
    """Return the run's built slices, in a refresh the changed ones, and what came due by time."""
    keys = keys_of(context, spine(pipeline)[0])
    if REFRESH_TAG in context.run.tags:
        due = due_quality(pipeline, stored, version, keys)
    else:
        due = built(pipeline, stored, keys)
    if fresh is None or fresh.period in due:
        return due
    said = {
        item.period: item.verdict
        for item in read_findings(con, pipeline, QUALITY)
        if item.cause == FRESHNESS
    }
    return due if said.get(fresh.period) == fresh.verdict else [*due, fresh.period]


def _checked(pipeline: Pipeline, cause: str, found: Found | None) -> dg.AssetCheckResult:
    """Return the check of one cause; where nothing is due there is nothing to be broken."""
    if found is None:
        return _passed(pipeline, cause, "no slice is due")
    result = check_result(pipeline, QUALITY, cause, found, dg.AssetCheckSeverity.ERROR)
    if result.passed:
        return result
    return result._replace(description=f"{result.description}. {HINTS[cause]}")


def _passed(pipeline: Pipeline, cause: str, why: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(pipeline, "monitoring", QUALITY),
        check_name=cause,
        passed=True,
        severity=dg.AssetCheckSeverity.ERROR,
        description=why,
    )
