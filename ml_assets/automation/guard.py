"""What every run does first: mark runs whose process was killed, and hold its own lock."""

from __future__ import annotations

import atexit
import logging
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.errors import TrackingError
from ml_assets.registry.orphans import close_orphans, close_unregistered
from ml_assets.warehouse import liveness
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]
ENDED = {
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}


class RunGuard(dg.ConfigurableResource[None]):
    """Held by every run; its lock dies with the process, which is how a killed run is told."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[None]:
        """Mark the run as alive until it ends, and recover from killed ones."""
        settings, run = Settings.from_environment(), context.run
        if context.instance is None or run is None:
            yield
            return
        # Held first: a kill while the others are recovered must not leave this one unmarked.
        _hold_until_it_ended(context.instance, run.run_id, settings)
        for run_id in recover(context.instance, settings):
            if context.log is not None:
                context.log.warning(f"run {run_id} was killed; it is marked as failed now")
        yield


def _hold_until_it_ended(instance: dg.DagsterInstance, run_id: str, settings: Settings) -> None:
    """Hold the run's lock until its end is stored, or the process is over.

    Resources are given back before: a kill between the two would leave a run that is neither
    finished nor known to be dead.
    """
    lock = ExitStack()
    lock.enter_context(held(run_id, settings))
    # A process that runs single steps of a run never sees its end.
    atexit.register(lock.close)

    def listen(entry: dg.EventLogEntry) -> None:
        if entry.dagster_event is not None and entry.dagster_event.event_type in ENDED:
            atexit.unregister(lock.close)
            lock.close()

    instance.add_event_listener(run_id, listen)


def held(run_id: str, settings: Settings) -> AbstractContextManager[None]:
    """Hold the run's lock, unless this process does since before it created the run."""
    if liveness.is_alive(run_id, settings):
        return nullcontext()
    return liveness.hold(run_id, settings)


def recover(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Mark the Dagster and MLflow runs of dead processes as failed; return the Dagster ids."""
    try:
        close_orphans(settings.tracking_uri, lambda run_id: _lives(instance, run_id, settings))
        close_unregistered(
            settings.tracking_uri, lambda run_id: _failed(instance, run_id, settings)
        )
    except TrackingError as error:
        # Tables are built without MLflow; what needs it will fail by itself.
        _log.warning("MLflow runs of killed processes stay as they are: %s", error)
    killed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if liveness.is_alive(run.run_id, settings) is False:
            instance.report_run_failed(run, "The run's process was killed before it finished.")
            killed.append(run.run_id)
    liveness.sweep(settings)
    return killed


def _lives(instance: dg.DagsterInstance, run_id: str, settings: Settings) -> bool | None:
    run = instance.get_run_by_id(run_id)
    if run is not None and run.is_finished:
        return False
    return liveness.is_alive(run_id, settings)


def _failed(instance: dg.DagsterInstance, run_id: str, settings: Settings) -> bool:
    run = instance.get_run_by_id(run_id)
    if run is not None and run.is_finished:
        return not run.is_success
    return liveness.is_alive(run_id, settings) is False
