"""The partitions that a refresh spans: from the first with anything due to the newest.

Dagster records an event per asset for each partition that a run spans, whether or not it is built:
a run over all of a long history would cost more in events than a new day does in work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets import clock
from ml_assets.assets.monitors import due_findings
from ml_assets.assets.reference import has_champion, live_version
from ml_assets.assets.scorings import due_scorings
from ml_assets.errors import MLAssetsError
from ml_assets.tables.findings import CHANGES
from ml_assets.tables.known_labels import known_at
from ml_assets.tables.monitored import due_days
from ml_assets.tables.plan import Stored, plan
from ml_assets.tables.quality import due_quality
from ml_assets.tables.sources import fingerprints
from ml_assets.tables.spine import spine
from ml_assets.tables.visibility import slice_keys
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def range_tags(pipeline: Pipeline) -> dict[str, str]:
    """Return the tags that make one run span every partition there is by now."""
    keys = pipeline.partitions.keys()
    return {RANGE_START: keys[0], RANGE_END: keys[-1]} if keys else {}


def refresh_tags(pipeline: Pipeline, settings: Settings) -> dict[str, str]:
    """Return the tags that make one run span what a refresh finds due; at least the newest.

    What is built makes nothing due that lies before it. Where it cannot be told what is due, the
    run spans everything and says why.
    """
    tags = range_tags(pipeline)
    if not tags:
        return tags
    try:
        due = {key for key in _due(pipeline, settings) if key is not None}
    except MLAssetsError:
        return tags
    return {**tags, RANGE_START: min(due, default=tags[RANGE_END])}


def _due(pipeline: Pipeline, settings: Settings) -> Iterator[str | None]:
    """Yield the partitions with anything due: a table, a score, a count or a finding."""
    sources = fingerprints(pipeline)
    with connect(pipeline.name, settings, read_only=True) as con:
        stored = Stored(ledger.current(con, pipeline.name))
        yield from (step.partition for step in plan(pipeline, stored, sources))
        if has_champion(pipeline, settings):
            yield from _due_in_loop(con, pipeline, settings, stored)


def _due_in_loop(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings, stored: Stored
) -> Iterator[str | None]:
    keys = slice_keys(pipeline, spine(pipeline)[0])
    yield from due_quality(pipeline, stored, live_version(pipeline, settings).version, keys)
    scorings = due_scorings(con, pipeline, settings, keys)
    # What cannot be scored is spanned as well, so that the run tells it.
    yield from (*scorings.reasons, *scorings.left)
    yield from due_days(con, pipeline, known_at(con, pipeline, clock.now()), keys)
    for monitor in CHANGES:
        yield from due_findings(pipeline, stored, monitor, keys)
