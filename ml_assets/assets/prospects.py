"""What there is for the gate to go by: for a challenger of today, and for one that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ml_assets.assets.same_code import changed_since
from ml_assets.loop.waiting import Waiting
from ml_assets.tables.challenger import closed_partitions, known_by, repeats
from ml_assets.warehouse.appended import about, promotions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


class Prospects(TypedDict):
    """The part of a history that changes as labels come."""

    repeats: bool
    waiting: Waiting | None


def prospects(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    settings: Settings,
    champion: TrainingRecord,
    known: pa.Table,
) -> Callable[[datetime], Prospects]:
    """Return what holds at a moment, up to the one at which `known` was read."""
    waits = _waits(con, pipeline, settings)

    def at(moment: datetime) -> Prospects:
        by_then, waiting = known_by(known, moment), None
        if waits is not None:
            closed = closed_partitions(pipeline, by_then, moment)
            waiting = _waiting(pipeline, champion, *waits, closed)
        again = repeats(pipeline, by_then, champion.windows, moment)
        return {"repeats": again, "waiting": waiting}

    return at


def _waits(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings
) -> tuple[Version, TrainingRecord, int] | None:
    """Return the newest challenger where it waits for a look, and how many partitions did not do.

    One of other code than today's would not be compared: there is nothing that it waits for.
    """
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    every = versions(settings.tracking_uri, pipeline.name)
    trained = [version for version in every if version.refit_of is None]
    row = about(promotions(con, pipeline.name), trained[-1].version) if trained else None
    if row is None or not row.waits:
        return None
    record = read_record(settings.tracking_uri, trained[-1].run_id)
    if changed_since(pipeline, record):
        return None
    return trained[-1], record, row.numbers.get("unseen", 0)


def _waiting(
    pipeline: Pipeline,
    champion: TrainingRecord,
    version: Version,
    record: TrainingRecord,
    before: int,
    closed: list[str],
) -> Waiting:
    spec = pipeline.declaration
    newest = max(champion.trained_on | record.trained_on)
    held_out = spec.retraining.window.held_out(spec.partitions.every)
    return Waiting(
        version=version.version,
        there=sum(key > newest for key in closed),
        needed=max(held_out, before + 1),
        every=spec.partitions.every,
    )
