"""The sensor that carries decisions out: it reads the event log, never the lake or MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets import clock
from ml_assets.assets.attempts import (
    ATTEMPT,
    BY_HAND,
    EPISODE,
    PIPELINE,
    attempts_of,
    launch_tags,
)
from ml_assets.assets.decision import newest_decision
from ml_assets.assets.reference import REFERENCE
from ml_assets.loop.decision import CHALLENGER
from ml_assets.loop.next_attempt import Wait, next_attempt

if TYPE_CHECKING:
    from ml_assets.loop.next_attempt import Launch
    from ml_assets.tables.pipeline import Pipeline

SECONDS = 60
"""Between two looks: a decision is at most that old when it is carried out."""
JUDGED = (("promotion",), REFERENCE)
"""What looks again at a challenger that is trained."""
RETRAINED = (("training_set",), ("model",), ("evaluation",), *JUDGED)


def retraining_job(pipeline: Pipeline) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that trains a challenger and lets the gate judge it."""
    keys = [dg.AssetKey([pipeline.name, *parts]) for parts in RETRAINED]
    return dg.define_asset_job(
        f"{pipeline.name}_retraining",
        dg.AssetSelection.assets(*keys),
        # Of a run that a person starts; the sensor's bring their own.
        tags={PIPELINE: pipeline.name, EPISODE: BY_HAND, ATTEMPT: "1"},
        description=f"A challenger for {pipeline.name}: trained, evaluated and judged by the gate.",
    )


def retraining_sensor(
    pipeline: Pipeline, job: dg.UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """Return the sensor that requests the retraining that was decided, each attempt once."""

    @dg.sensor(
        name=f"{pipeline.name}_retraining",
        job=job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS,
        description="Carries out the newest decision: an attempt per episode, with back-off.",
    )
    def retraining(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        decision = newest_decision(context.instance, pipeline)
        if decision is None:
            return dg.SkipReason(f"Nothing was decided about {pipeline.name} yet.")
        attempts = attempts_of(context.instance, pipeline)
        step = next_attempt(decision, attempts, pipeline.declaration.retraining, clock.now())
        if isinstance(step, Wait):
            return dg.SkipReason(f"{decision.action}: {step.reason}")
        return _request(pipeline, step, trains=decision.cause != CHALLENGER)

    return retraining


def decide_after_failure(
    pipeline: Pipeline,
    monitored: list[dg.UnresolvedAssetJobDefinition],
    job: dg.UnresolvedAssetJobDefinition,
) -> dg.SensorDefinition:
    """Return the sensor that has broken data decided upon: it stops the run before the decision."""

    @dg.run_failure_sensor(
        name=f"{pipeline.name}_decide_after_failure",
        monitored_jobs=monitored,
        request_job=job,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates the policy after a run that failed, so that its reason is decided.",
    )
    def decide(context: dg.RunFailureSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    return decide


def _request(pipeline: Pipeline, launch: Launch, *, trains: bool) -> dg.RunRequest:
    key, tags = f"{pipeline.name}/{launch.run_key}", launch_tags(pipeline, launch)
    if not trains:
        judged = [dg.AssetKey([pipeline.name, *parts]) for parts in JUDGED]
        return dg.RunRequest(run_key=key, tags=tags, asset_selection=judged)
    training_set = f"{pipeline.name}__training_set"
    config = {"ops": {training_set: {"config": {"reason": launch.reason}}}}
    return dg.RunRequest(run_key=key, tags=tags, run_config=config)
