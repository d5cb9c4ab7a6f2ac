"""The promotion: the newest version passes the gate and its refit goes live, or it waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets import clock
from ml_assets.assets.attempts import EPISODE
from ml_assets.assets.books import GATE, Books
from ml_assets.assets.challenge import challenge
from ml_assets.assets.evaluation import newest_version
from ml_assets.assets.live import go_live
from ml_assets.assets.settled import settled
from ml_assets.assets.step import step_asset
from ml_assets.assets.training_set import Reading
from ml_assets.assets.verdicts import prove, require_proven
from ml_assets.errors import TrackingError
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.pipeline import code_hash
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import PromotionRow, about, last_live
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.snapshots import current_snapshot

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NAME = "promotion"
FIRST = "the first version"


def promotion_asset(pipeline: Pipeline) -> dg.AssetsDefinition:
    """Return the asset that judges the newest version against the champion."""
    return step_asset(
        pipeline,
        NAME,
        _decide,
        after=[("evaluation",)],
        code_version=code_hash(asdict(pipeline.declaration.retraining.gate)),
        kinds={"mlflow"},
        description=(
            "The first version becomes champion. A later one must be better than the champion on"
            " rows neither was trained on; then its refit on all data goes live."
        ),
    )


def _decide(pipeline: Pipeline, context: dg.AssetExecutionContext) -> dict[str, Any]:
    settings = Settings.from_environment()
    with settled(context, pipeline, settings) as books:
        newest = newest_version(settings, pipeline)
        before = about(books.rows(), newest.version) if books.champion() else None
        judged = before if before and not before.waits else None
        row = judged or _judge(pipeline, context, books, newest, before)
        version = books.version(row.to_version)
    alias = ", ".join(version.aliases) or "no alias"
    context.log.info(f"{version.name} version {version.version} is {alias}: {row.reason}")
    if judged:
        look = f"There is one look per version; version {newest.version} had its."
        context.log.info(look)
        return {**_metadata(version, alias, row), "look": look}
    return _metadata(version, alias, row)


def _judge(
    pipeline: Pipeline,
    context: dg.AssetExecutionContext,
    books: Books,
    newest: Version,
    before: PromotionRow | None,
) -> PromotionRow:
    """Return the row about the newest version, as it was written.

    What becomes of a version that waited since `before` is the outcome of who trained it.
    """
    champion = books.champion()
    if champion is None:
        return go_live(books, _first(context, books, newest))
    episode = before.episode if before else context.run.tags.get(EPISODE)

    def source() -> Reading:
        return _reading(pipeline, context, books.con)

    return challenge(pipeline, books, champion, newest, source, context.run.run_id, episode)


def _first(context: dg.AssetExecutionContext, books: Books, version: Version) -> PromotionRow:
    """Return the row of the first champion; TrackingError where there was one before."""
    last = last_live(books.rows())
    if last is not None:
        raise TrackingError(
            f"{version.name} has no champion: version {last.to_version} lost the alias in MLflow.",
            f"`ml-assets promote {version.name} <version>` says who is to be champion.",
        )
    return PromotionRow(
        promoted_at=clock.now(),
        promoted=True,
        from_version=None,
        to_version=version.version,
        reason=FIRST,
        decided_by=GATE,
        episode=context.run.tags.get(EPISODE),
        run_id=context.run.run_id,
    )


def _reading(
    pipeline: Pipeline, context: dg.AssetExecutionContext, con: DuckDBPyConnection
) -> Reading:
    """Return today's state of the lake; MLAssetsError unless it could be trained on."""
    prove(context, con, pipeline)
    con.begin()
    snapshot = current_snapshot(con, pipeline.name)
    stored = Stored(ledger.current(con, pipeline.name))
    con.rollback()
    require_one_version(pipeline, stored)
    require_proven(context.instance, pipeline, stored)
    return Reading(snapshot, clock.now())


MEASURED = {"champion": "champion_loss", "gain": "gain_in_loss", "lower": "gain_at_least"}
"""Numbers of the overall criterion, and what they are called where they stand alone."""


def _metadata(version: Version, alias: str, row: PromotionRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "version": version.version,
        "alias": alias,
        "promoted": row.promoted,
        "reason": row.reason,
        "decided_at": dg.MetadataValue.timestamp(row.promoted_at),
    }
    criteria = [*row.numbers.get("criteria", ()), *row.numbers.get("refit", ())]
    if criteria:
        told["challenger_version"] = row.numbers["challenger"]
        told["compared_with_version"] = row.numbers.get("compared_with", row.from_version)
        told["criteria"] = dg.MetadataValue.md(_table(criteria))
        told |= {
            MEASURED[name]: value
            for name, value in criteria[0]["numbers"].items()
            if name in MEASURED
        }
    return told


def _table(criteria: list[dict[str, Any]]) -> str:
    words = {True: "passed", False: "**failed**", None: "not judged"}
    lines = (f"| {one['name']} | {words[one['passed']]} | {one['sentence']} |" for one in criteria)
    return "\n".join(["| criterion | | what was seen |", "|---|---|---|", *lines])
