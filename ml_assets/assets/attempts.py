"""Retraining runs as the loop counts them, from the tags they were launched with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.loop.history import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.loop.attempts import Launch
    from ml_assets.loop.history import Status
    from ml_assets.tables.pipeline import Pipeline

PIPELINE = "ml_assets/retrains"
EPISODE = "ml_assets/episode"
ATTEMPT = "ml_assets/attempt"
REASON = "ml_assets/reason"
BY_HAND = "by hand"
"""Episode of a run that no decision asked for; it holds the loop and starts a cooldown as well."""
CLOCK = "ml_assets/clock"
"""Run tag: the moment that the clock showed, where it was set; a replay's times are all its own."""

_OVER: Mapping[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}
_WAITING = {
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
}


def launch_tags(pipeline: Pipeline, launch: Launch) -> dict[str, str]:
    """Return the tags by which the run of `launch` is known as an attempt of its episode."""
    tags = {
        PIPELINE: pipeline.name,
        EPISODE: launch.episode,
        ATTEMPT: str(launch.attempt),
        REASON: launch.reason,
    }
    return {**tags, CLOCK: clock.now().isoformat()} if clock.is_set() else tags


def attempts_of(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[Attempt]:
    """Return every retraining run of the pipeline, oldest first."""
    records = instance.get_run_records(dg.RunsFilter(tags={PIPELINE: pipeline.name}))
    return [_attempt(record) for record in reversed(list(records))]


def _attempt(record: dg.RunRecord) -> Attempt:
    run = record.dagster_run
    shown = run.tags.get(CLOCK)
    at = datetime.fromisoformat(shown) if shown else None
    over = _OVER.get(run.status)
    by_hand = run.tags[EPISODE] == BY_HAND
    ended = record.end_time
    return Attempt(
        episode=f"{BY_HAND} {run.run_id[:8]}" if by_hand else run.tags[EPISODE],
        attempt=int(run.tags[ATTEMPT]),
        status=over or ("queued" if run.status in _WAITING else "running"),
        started_at=at or record.create_timestamp.astimezone(UTC),
        ended_at=None
        if over is None
        else at or (None if ended is None else datetime.fromtimestamp(ended, UTC)),
    )
