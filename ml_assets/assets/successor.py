"""A champion whose features are computed by other code now: it waits for who follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.same_code import changed_features, changed_since, code_of_today
from ml_assets.errors import DataError, StaleError
from ml_assets.loop.unscorable import Unscorable
from ml_assets.tables.challenger import challenger_windows
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import promotions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


def unscorable(pipeline: Pipeline, settings: Settings) -> Unscorable | None:
    """Say why the champion cannot score and what to do, None where it can or there is none.

    Its scores would be wrong, and which version is right to follow it is for the gate or a person
    to say.
    """
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    if version is None:
        return None
    changed = changed_features(pipeline, read_record(settings.tracking_uri, version.run_id))
    if not changed:
        return None
    return Unscorable(why=other_code(version, changed), by_hand=successor(pipeline, settings))


def untrained(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    settings: Settings,
    known: pa.Table,
    as_of: datetime,
) -> str | None:
    """Return today's code where a retraining would bring the gate its first version of it.

    None where the gate, or a person, has had one before, or where a retraining would fail: tables
    are of other code still, or have too few partitions. `known` has the times of every label that
    is known at `as_of`.
    """
    rows = promotions(con, pipeline.name)
    if any(row.is_about(ready) for ready in _of_today(pipeline, settings) for row in rows):
        return None
    try:
        require_one_version(pipeline, Stored(ledger.current(con, pipeline.name)))
        challenger_windows(pipeline, known, as_of)
    except (DataError, StaleError):
        return None
    return code_of_today(pipeline)


def other_code(version: Version, changed: Sequence[str]) -> str:
    """Say that a version cannot be given its features."""
    return (
        f"{version.name} version {version.version} was trained on other code of"
        f" {', '.join(changed)} than today's: its features cannot be computed any more."
    )


def successor(pipeline: Pipeline, settings: Settings) -> str:
    """Say what brings a version of today's code live."""
    ready = next(_of_today(pipeline, settings), None)
    back = "or go back to the code before"
    if ready is None:
        return f"`ml-assets run {pipeline.name}` trains a version on today's code; {back}."
    return (
        f"Version {ready} is trained on today's code: see `ml-assets why {pipeline.name}` and its"
        f" evaluation, then `ml-assets promote {pipeline.name} {ready}`; {back}."
    )


def _of_today(pipeline: Pipeline, settings: Settings) -> Iterator[int]:
    """Yield the versions that were trained on the code of today, newest first."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    for version in reversed(versions(settings.tracking_uri, pipeline.name)):
        if not changed_since(pipeline, read_record(settings.tracking_uri, version.run_id)):
            yield version.version
