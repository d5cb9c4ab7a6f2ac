"""Alerts: failed runs and failing checks posted to a webhook, where one is configured."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from http.client import HTTPException
from itertools import dropwhile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
)

from ml_assets.assets.decision import UNBLOCKED

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBHOOK = "ML_ASSETS_WEBHOOK"
"""Environment variable: where alerts are posted as JSON with the key `text` (Slack's format)."""
SECONDS = 2.5
"""Of one attempt to post; all attempts and waits together stay below ten."""
WAITS = (0.5, 1.0)
"""Seconds before the second and the third attempt."""
LOOK_BACK = 100
"""So many of a check's newest evaluations are looked through for the one before a run."""
NOT_JUDGED = "not enough data"
"""The verdict of a check that neither passed nor failed: told in the UI, not to the webhook."""


def alert_sensors() -> list[dg.SensorDefinition]:
    """Return the sensors that post about every run of the code location that ends."""
    return [
        _sensor("failed_runs", dg.DagsterRunStatus.FAILURE),
        _sensor("failing_checks", dg.DagsterRunStatus.SUCCESS),
    ]


def _sensor(name: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"alert_{name}",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Posts {name.replace('_', ' ')} to the webhook in {WEBHOOK}.",
    )
    def alert(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        target = os.environ.get(WEBHOOK)
        lines = list(_lines(context.instance, context.dagster_run))
        if not lines:
            return dg.SkipReason("Nothing failed.")
        if not target:
            return dg.SkipReason(f"{len(lines)} lines and no {WEBHOOK} to post them to.")
        post(target, "\n".join(lines))
        return None

    return alert


def post(target: str, text: str) -> None:
    """Post `text` to the webhook, trying again after a hiccup; OSError where none succeeds.

    The sensor's cursor moves on also when its tick fails, so the run is never asked about again.
    """
    if not target.startswith(("https://", "http://")):
        raise ValueError(f"{WEBHOOK} is {target!r}: write an http or https address.")
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        target, body, {"Content-Type": "application/json"}
    )
    for wait in (0.0, *WAITS):
        time.sleep(wait)
        fault = _sent(request)
        if fault is None:
            return
    # The path of a webhook is its password.
    raise OSError(
        f"The webhook at {urlsplit(target).netloc} refused {1 + len(WAITS)} times to take an alert,"
        f" last with {fault}: check {WEBHOOK}; the alert was: {text}"
    )


def _sent(request: urllib.request.Request) -> str | None:
    """Send it once; return what went wrong, None where it arrived."""
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            answer.read()
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return None


def _lines(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """Say what failed in a run: the run itself, its steps, and checks that did not pass."""
    if run.status == dg.DagsterRunStatus.FAILURE:
        yield f"Run {run.run_id[:8]} of {run.job_name} failed."
    for entry in instance.all_logs(
        run.run_id,
        of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION},
    ):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            said = event.step_failure_data.user_failure_data
            yield f"{event.step_key}: {said.description if said else event.message}"
            continue
        check = event.asset_check_evaluation_data
        if not (check.passed or _unjudged(check) or _told_before(instance, run, check)):
            where = check.asset_key.to_user_string()
            yield f"{check.severity.value} {where} {check.check_name}: {check.description or ''}"


def _told_before(
    instance: dg.DagsterInstance, run: dg.DagsterRun, check: dg.AssetCheckEvaluation
) -> bool:
    """Return whether the run before said the same; that the loop waits for people is repeated."""
    if check.check_name == UNBLOCKED:
        return False
    told = instance.event_log_storage.get_asset_check_execution_history(
        check.asset_check_key,
        limit=LOOK_BACK,
        status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    )
    up_to_this = dropwhile(lambda record: record.run_id != run.run_id, told)
    earlier = (record.evaluation for record in up_to_this if record.run_id != run.run_id)
    before = next(earlier, None)
    return before is not None and not before.passed and before.description == check.description


def _unjudged(check: dg.AssetCheckEvaluation) -> bool:
    """Return whether a monitor had too little data: every refresh would say so again."""
    verdict = check.metadata.get("verdict")
    return verdict is not None and verdict.value == NOT_JUDGED
