"""Retraining runs as the loop counts them, from the tags they were launched with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.loop.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.loop.attempt import Status
    from ml_assets.loop.next_attempt import Launch
    from ml_assets.tables.pipeline import Pipeline

PIPELINE = "ml_assets/retrains"
EPISODE = "ml_assets/episode"
ATTEMPT = "ml_assets/attempt"
REASON = "ml_assets/reason"
BY_HAND = "by hand"
"""Episode of a run that no decision asked for; it holds the loop and starts a cooldown as well."""
MODEL = "model"
CLOCK = "ml_assets/clock"
"""Run tag: the moment that the clock showed, where it was set; a replay's times are all its own."""

_OVER: Mapping[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _OVER]
_WAITING = {
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
}


def launch_tags(pipeline: Pipeline, launch: Launch) -> dict[str, str]:
    """Return the tags by which the run of `launch` is known as an attempt of its episode."""
    tags = {EPISODE: launch.episode, ATTEMPT: str(launch.attempt), REASON: launch.reason}
    return {**by_hand_tags(pipeline), **tags}


def by_hand_tags(pipeline: Pipeline) -> dict[str, str]:
    """Return the tags of a run that retrains because a person started it.

    It has no episode: what a person runs is split as declared, not as a challenger is.
    """
    tags = {PIPELINE: pipeline.name}
    return {**tags, CLOCK: clock.now().isoformat()} if clock.is_set() else tags


def whole_job_name(pipeline: Pipeline) -> str:
    """Return the name of the job that builds everything, the model as well."""
    return f"{pipeline.name}_pipeline"


def attempts_of(
    instance: dg.DagsterInstance, pipeline: Pipeline, own: str | None = None
) -> list[Attempt]:
    """Return every retraining run of the pipeline, oldest first, and who is going to be one.

    A run of tables and model trains when its tables are built: it is one from the beginning. Who
    asks from within such a run, `own`, does so when that has trained.
    """
    found = [_attempt(record, own) for record in _tagged(instance, pipeline)]
    return [
        *found,
        *(
            _attempt(record, own)
            for record in _records(instance, dg.RunsFilter(statuses=_UNFINISHED))
            if is_to_train(record.dagster_run, pipeline) and record.dagster_run.run_id != own
        ),
    ]


def another(instance: dg.DagsterInstance, pipeline: Pipeline, run: dg.DagsterRun) -> Attempt | None:
    """Return the retraining that goes on where a person started `run`, which has to wait for it.

    Of two that a person started the younger waits.
    """
    if run.tags.get(EPISODE, BY_HAND) != BY_HAND:
        return None
    for record in _tagged(instance, pipeline):
        if record.dagster_run.run_id == run.run_id:
            return None
        if record.dagster_run.status in _UNFINISHED:
            return _attempt(record)
    return None


def _tagged(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[dg.RunRecord]:
    return _records(instance, dg.RunsFilter(tags={PIPELINE: pipeline.name}))


def _records(instance: dg.DagsterInstance, among: dg.RunsFilter) -> list[dg.RunRecord]:
    return [*reversed(list(instance.get_run_records(among)))]


def is_to_train(run: dg.DagsterRun, pipeline: Pipeline) -> bool:
    """Say whether a run that bears no tag of a retraining has a model among its assets."""
    if PIPELINE in run.tags:
        return False
    if run.asset_selection is None:
        return run.job_name == whole_job_name(pipeline)
    return dg.AssetKey([pipeline.name, MODEL]) in run.asset_selection


def _attempt(record: dg.RunRecord, own: str | None = None) -> Attempt:
    run = record.dagster_run
    shown = run.tags.get(CLOCK)
    at = datetime.fromisoformat(shown) if shown else None
    over = "succeeded" if run.run_id == own else _OVER.get(run.status)
    by_hand = run.tags.get(EPISODE, BY_HAND) == BY_HAND
    ended = record.end_time or (clock.now().timestamp() if run.run_id == own else None)
    return Attempt(
        episode=f"{BY_HAND} {run.run_id[:8]}" if by_hand else run.tags[EPISODE],
        attempt=int(run.tags.get(ATTEMPT, "1")),
        status=over or ("queued" if run.status in _WAITING else "running"),
        started_at=at or record.create_timestamp.astimezone(UTC),
        ended_at=None
        if over is None
        else at or (None if ended is None else datetime.fromtimestamp(ended, UTC)),
    )
