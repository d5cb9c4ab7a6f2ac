"""Automation that watches itself: what is not as declared, fails, or is late."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.scheduler.instigation import (
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
)
from dagster._utils.schedules import schedule_execution_time_iterator

from ml_assets.assets.decision import NAME as DECISION
from ml_assets.assets.shell import asset_key
from ml_assets.automation.guard import UNFINISHED
from ml_assets.warehouse.liveness import is_alive

if TYPE_CHECKING:
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick
    from dagster_shared.error import SerializableErrorInfo

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

Watched = dg.SensorDefinition | dg.ScheduleDefinition
CHECK = "automation"
PATIENCE = timedelta(minutes=10)
"""Ten times the longest pause between two ticks of a sensor: who is busy is not yet dead."""
DAEMONS = ("SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR")
RUNS = 200
"""So many of the newest runs of all pipelines are looked through for one's newest."""
TICKS = 20
"""So many of the newest ticks are looked at to say since when something fails."""
NEVER = "No daemon has run here yet, all runs are started by hand; `ml-assets ui` starts one."
DEFAULT_SECONDS = 30
"""Dagster's pause between two ticks of a sensor that declares none."""


def automation_check(pipeline: "Pipeline", watched: Sequence[Watched]) -> dg.AssetChecksDefinition:
    """Return the check on the decision that everything which should lead to the next one is well.

    It warns: late automation says nothing against the data, the model or the decision. A daemon
    that is dead evaluates nothing; the next run by hand does, and `ml-assets status`.
    """

    @dg.asset_check(
        asset=asset_key(pipeline, DECISION),
        name=CHECK,
        description="Daemon, schedules and sensors are in the declared state, tick in time and"
        " without errors.",
    )
    def automation(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        begun = bool(context.instance.get_daemon_heartbeats())
        faults = automation_faults(context.instance, watched) if begun else []
        for fault in faults:
            context.log.warning(fault)
        return dg.AssetCheckResult(
            passed=not faults,
            severity=dg.AssetCheckSeverity.WARN,
            description="\n".join(f"- {fault}" for fault in faults) or (None if begun else NEVER),
        )

    return automation


def automation_faults(instance: dg.DagsterInstance, watched: Sequence[Watched]) -> list[str]:
    """Return in a sentence each what is wrong with the daemon, and with what it is to tick."""
    if not instance.get_daemon_heartbeats():
        return [NEVER]
    # Ticks and heartbeats bear the wall's time, also where the clock was set.
    now = datetime.now(UTC)
    silent = _silent(instance, now)
    found = [*silent, *_failing_daemons(instance)]
    for item in watched:
        found += _faults(instance, item, None if silent else now)
    return found


def run_faults(
    instance: dg.DagsterInstance, pipeline: "Pipeline", jobs: set[str], settings: "Settings"
) -> Iterator[str]:
    """Yield which runs of the pipeline and its jobs were killed, and that the newest failed."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if _is_of(run, pipeline, jobs) and is_alive(run.run_id, settings) is False:
            yield (
                f"run {run.run_id[:8]} of {run.job_name} was killed: the next run, or"
                " `ml-assets ui`, marks it as failed"
            )
    recent = instance.get_run_records(limit=RUNS)
    newest = next((one for one in recent if _is_of(one.dagster_run, pipeline, jobs)), None)
    if newest is not None and newest.dagster_run.status == dg.DagsterRunStatus.FAILURE:
        run, ended = newest.dagster_run, newest.end_time or newest.create_timestamp.timestamp()
        yield f"the newest run, {run.run_id[:8]} of {run.job_name}, failed at {_minute(ended)}"


def _is_of(run: dg.DagsterRun, pipeline: "Pipeline", jobs: set[str]) -> bool:
    """Say whether a run is of the pipeline: by its assets, or by its job where it has them all."""
    if run.asset_selection:
        return any(key.path[0] == pipeline.name for key in run.asset_selection)
    return run.job_name in jobs


def _silent(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Say that the daemon is dead, where one of its parts gave no sign of life for too long."""
    beats = instance.get_daemon_heartbeats()
    required = [name for name in DAEMONS if name in instance.get_required_daemon_types()]
    oldest = min((beats[name].timestamp if name in beats else 0 for name in required), default=None)
    if oldest is None or now - _at(oldest) <= PATIENCE:
        return []
    return [
        f"the daemon's last sign of life is of {_minute(oldest)}: nothing ticks until"
        " `ml-assets ui` runs again"
    ]


def _failing_daemons(instance: dg.DagsterInstance) -> Iterator[str]:
    for name, beat in instance.get_daemon_heartbeats().items():
        if name in DAEMONS and beat.errors:
            yield f"the {name.lower()} daemon fails: {_cause(beat.errors[0])}"


def _faults(instance: dg.DagsterInstance, item: Watched, now: datetime | None) -> Iterator[str]:
    """Yield what is wrong with one schedule or sensor; it can be late only at a `now`."""
    expected = item.default_status.value == "RUNNING"
    states = [state for state in instance.all_instigator_state() if state.name == item.name]
    if expected and not states and now is not None:
        yield f"{item.name} is declared to be on and the daemon has not seen it"
    for state in states:
        declared = state.status == InstigatorStatus.DECLARED_IN_CODE
        running = expected if declared else state.is_running
        if running != expected:
            is_, should = ("on", "off") if running else ("off", "on")
            yield f"{item.name} is {is_} and is declared to be {should}"
        if running:
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=TICKS)
            yield from _failing(item, ticks)
            if now is not None:
                yield from _late(item, state, ticks, now)


def _failing(item: Watched, ticks: Sequence["InstigatorTick"]) -> Iterator[str]:
    over = (tick for tick in ticks if tick.status != TickStatus.STARTED)
    failed = list(takewhile(lambda tick: tick.status == TickStatus.FAILURE, over))
    if failed:
        many = "tick" if len(failed) == 1 else f"{len(failed)} ticks"
        since = _minute(failed[-1].timestamp)
        yield f"{item.name} failed at its last {many}, since {since}: {_cause(failed[0].error)}"


def _late(
    item: Watched, state: "InstigatorState", ticks: Sequence["InstigatorTick"], now: datetime
) -> Iterator[str]:
    began, newest = _began(state), ticks[0].timestamp if ticks else 0.0
    if isinstance(item, dg.SensorDefinition):
        every = item.minimum_interval_seconds or DEFAULT_SECONDS
        last = max(began, newest)
        if now - _at(last) > PATIENCE + timedelta(seconds=every):
            yield f"{item.name} is late: due every {every} s, it ticked last at {_minute(last)}"
        return
    due = next(
        schedule_execution_time_iterator(
            (now - PATIENCE).timestamp(),
            item.cron_schedule,
            item.execution_timezone,
            ascending=False,
        )
    ).timestamp()
    if began < due and newest < due:
        yield f"{item.name} is late: it was due at {_minute(due)} ({item.cron_schedule})"


def _began(state: "InstigatorState") -> float:
    """Return since when the daemon ticks it, as a timestamp; 0 where that is not known."""
    data = state.instigator_data
    if isinstance(data, ScheduleInstigatorData):
        return data.start_timestamp or 0.0
    if isinstance(data, SensorInstigatorData):
        return data.last_sensor_start_timestamp or 0.0
    return 0.0


def _cause(error: "SerializableErrorInfo | None") -> str:
    """Return the first line of what was at the bottom of an error."""
    while error is not None and error.cause is not None:
        error = error.cause
    return "no reason is known" if error is None else error.message.strip().partition("\n")[0]


def _at(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _minute(timestamp: float) -> str:
    return f"{_at(timestamp):%Y-%m-%d %H:%M} UTC"
