"""Stale data: whether the newest slice of a history that goes on is there in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.tables.findings import Found
from ml_assets.tables.spine import spine

if TYPE_CHECKING:
    from datetime import datetime

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.tables.plan import Stored

FRESHNESS = "freshness"


def expected(pipeline: Pipeline, now: datetime) -> str | None:
    """Return the newest slice that must be built at `now`; None for a closed history.

    A slice has `monitoring.grace_days` from the end of its window.
    """
    if pipeline.partitions.spec.end is not None:
        return None
    # By local clocks: days of grace have 23 hours or 25 where those change.
    keys = pipeline.partitions.keys(pipeline.partitions.local(now) - _grace(pipeline))
    return keys[-1] if keys else None


def freshness_found(pipeline: Pipeline, stored: Stored, version: int, key: str) -> Found:
    """Return whether the slice `key`, whose grace is over, was built."""
    node, _ = spine(pipeline)
    keys = [item.partition for item in stored.of(node) if item.partition is not None]
    ends = pipeline.partitions.window(key).end
    due = (pipeline.partitions.local(ends) + _grace(pipeline)).date()
    newest = max(keys, default="none")
    return Found(
        cause=FRESHNESS,
        verdict="ok" if key in keys else "broken",
        period=key,
        event_time=ends,
        reason=f"{node.dotted} has {key}, which was due by {due}"
        if key in keys
        else f"{node.dotted} lacks {key}, which was due by {due}; the newest it has is {newest}",
        model_version=version,
    )


def _grace(pipeline: Pipeline) -> timedelta:
    return timedelta(days=pipeline.declaration.monitoring.grace_days)
