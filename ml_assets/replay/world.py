"""The replayed world: the pipeline's real definitions in an instance of its own, and its runs."""

from __future__ import annotations

import logging
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.events import RunFailureReason

from ml_assets import clock
from ml_assets.assets.shell import RUN_GUARD
from ml_assets.automation.console import console_logger
from ml_assets.automation.guard import RunGuard
from ml_assets.automation.jobs import CONSOLE
from ml_assets.automation.launch import run_job
from ml_assets.automation.reach import refresh_tags
from ml_assets.component.pipeline import pipeline_definitions
from ml_assets.replay.root import set_clock
from ml_assets.warehouse import liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from typing import TextIO

    from dagster_shared.error import SerializableErrorInfo

    from ml_assets.replay.root import Root
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

LOOK = timedelta(minutes=1)
"""From one step to the next, as the sensor looks once a minute."""
INTERRUPTS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}
"""What a Ctrl-C is raised as, in a run of Dagster and outside of one."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A pipeline with everything it runs in, at a moment that is set."""

    pipeline: Pipeline
    settings: Settings
    instance: dg.DagsterInstance
    defs: dg.Definitions
    tell: Callable[[str], None]

    def say(self, text: str) -> None:
        """Tell what happened at the moment that is set."""
        self.tell(f"{clock.now():%Y-%m-%d %H:%M} UTC  {text}")

    def refresh(self) -> dg.ExecuteInProcessResult:
        """Run what the schedule runs."""
        return self._run("refresh", refresh_tags(self.pipeline, self.settings))

    def decide(self) -> dg.ExecuteInProcessResult:
        """Evaluate the policy once more."""
        return self._run("decide")

    def look(self) -> dg.RunRequest | dg.SkipReason:
        """Return what the retraining sensor answers."""
        sensor = self.defs.resolve_sensor_def(f"{self.pipeline.name}_retraining")
        with dg.build_sensor_context(self.instance) as context:
            found = sensor(context)
        if not isinstance(found, dg.RunRequest | dg.SkipReason):
            raise TypeError(f"the sensor answered {type(found).__name__}")
        return found

    def launch(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what the sensor requested, as the daemon does."""
        job = self.defs.resolve_job_def(f"{self.pipeline.name}_retraining")
        config: dict[str, Any] = {**request.run_config, **CONSOLE}
        run_id = str(uuid.uuid4())
        with liveness.hold(run_id, self.settings):
            return ended(
                job.execute_in_process(
                    instance=self.instance,
                    tags=request.tags,
                    run_config=config,
                    asset_selection=request.asset_selection,
                    raise_on_error=False,
                    run_id=run_id,
                )
            )

    def _run(self, job: str, span: Mapping[str, str] | None = None) -> dg.ExecuteInProcessResult:
        name = f"{self.pipeline.name}_{job}"
        return ended(run_job(self.defs, name, self.instance, span=span))


def pass_time(span: timedelta = LOOK) -> datetime:
    """Let time go by; return the new moment."""
    set_clock(clock.now() + span)
    return clock.now()


def ended(result: dg.ExecuteInProcessResult) -> dg.ExecuteInProcessResult:
    """Return the result of a run, or go on with the Ctrl-C that Dagster took for its failure."""
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.PIPELINE_FAILURE:
            reason = event.job_failure_data.failure_reason
            if reason == RunFailureReason.UNEXPECTED_TERMINATION:
                raise KeyboardInterrupt
        if event.is_step_failure and _interrupted(event.step_failure_data.error):
            raise KeyboardInterrupt
    return result


def _interrupted(error: SerializableErrorInfo | None) -> bool:
    """Say whether a Ctrl-C is behind an error: DuckDB raises an error of its own from it."""
    while error is not None:
        if error.cls_name in INTERRUPTS:
            return True
        error = error.cause
    return False


def why_failed(result: dg.ExecuteInProcessResult) -> str:
    """Return what the first step that failed says."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            step = (event.step_key or "").replace("__", "/")
            return f"{step}: {told or (data.error.message.strip() if data.error else 'no reason')}"
    return "no step failed"


@contextmanager
def world_in(
    root: Root,
    pipeline: Pipeline,
    defs: dg.Definitions,
    settings: Settings,
    tell: Callable[[str], None],
) -> Iterator[World]:
    """Open the world; the instance is closed at the end, so that its files can be copied."""
    with dg.DagsterInstance.from_config(str(root.home)) as instance:
        yield World(pipeline=pipeline, settings=settings, instance=instance, defs=defs, tell=tell)


def definitions(pipeline: Pipeline, log: TextIO) -> dg.Definitions:
    """Return the pipeline's definitions as the code location has them, with a log of their own."""
    shared = dg.Definitions(
        executor=dg.in_process_executor,
        loggers={"console": _logger(log)},
        resources={RUN_GUARD: RunGuard()},
    )
    with warnings.catch_warnings():
        # As in the code location: Dagster warns of features that may still change.
        for kind in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", kind)
        return dg.Definitions.merge(shared, pipeline_definitions(pipeline))


def _logger(log: TextIO) -> dg.LoggerDefinition:
    """Return the console's logger with its lines in `log`."""

    def to_log(init_context: dg.InitLoggerContext) -> logging.Logger:
        found = console_logger.logger_fn(init_context)
        for handler in found.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(log)
        return found

    return dg.LoggerDefinition(to_log, console_logger.config_schema)
