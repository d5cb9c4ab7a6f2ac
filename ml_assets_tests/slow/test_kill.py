"""kill -9 of whole Dagster runs, at moments spread over their life."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets_tests.slow.sampled import (
    KILLS,
    NAME,
    change_flights,
    flights_sandbox,
    instance_of,
    moments,
    settings_of,
    stored,
    unfinished,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from ml_assets_tests.automation.sandbox import Sandbox

HALFWAY = max(1, KILLS // 5)
"""Kills that are to fall between two commits."""
COMMITTED = re.compile(rf"^\d\d:\d\d:\d\d {NAME}/raw/flights .* rows", re.MULTILINE)
"""What a run says when the first of the slices that change is stored, and all others are old."""


def start(sandbox: Sandbox) -> subprocess.Popen[str]:
    return sandbox.start("-m", "ml_assets.cli", "run", NAME)


def log_of(sandbox: Sandbox) -> str:
    return (sandbox.folder / "run.log").read_text()


def finish(sandbox: Sandbox) -> float:
    """Run to the end; return the seconds until the run said its first word."""
    (sandbox.folder / "run.log").write_text("")
    begin = time.monotonic()
    process, first = start(sandbox), 0.0
    while process.poll() is None:
        if not first and re.search(r"^\d\d:\d\d:\d\d |up to date", log_of(sandbox), re.MULTILINE):
            first = time.monotonic() - begin
        assert time.monotonic() - begin < 900, f"the run hangs:\n{log_of(sandbox)}"
        time.sleep(0.05)
    assert process.returncode == 0, log_of(sandbox)
    return first


def kill(sandbox: Sandbox, moment: Moment) -> bool:
    """Kill a run's process group at that moment; False if it had ended."""
    (sandbox.folder / "run.log").write_text("")
    process = start(sandbox)
    while not moment.after(sandbox):
        assert process.poll() is None, log_of(sandbox)
        time.sleep(0.01)
    time.sleep(moment.seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


@dataclass(frozen=True)
class Moment:
    """So many seconds after something of a run is seen."""

    after: Callable[[Sandbox], object]
    seconds: float


def _locks(sandbox: Sandbox) -> list[Path]:
    return list((sandbox.data / "runs").glob("*.lock"))


def _committed(sandbox: Sandbox) -> object:
    return COMMITTED.search(log_of(sandbox))


def mlflow_states(sandbox: Sandbox) -> dict[str, str]:
    """Return Dagster run id to the state of its MLflow run."""
    import mlflow

    client: Any = mlflow.MlflowClient(tracking_uri=settings_of(sandbox).tracking_uri)
    experiment = client.get_experiment_by_name(NAME)
    runs = client.search_runs([experiment.experiment_id]) if experiment is not None else []
    return {run.data.tags["dagster.run_id"]: str(run.info.status) for run in runs}


@pytest.mark.slow
def test_after_every_kill_all_is_as_before_or_after_and_the_next_run_succeeds(
    tmp_path: Path,
) -> None:
    sandbox = flights_sandbox(tmp_path)
    finish(sandbox)
    change_flights(sandbox, 1)
    undisturbed = finish(sandbox)
    tables, whole = _lengths(sandbox)
    left = _moments(tables, whole)
    killed, halfway = 0, 0
    while killed < KILLS or halfway < HALFWAY:
        told = f"{killed} kills hit a run, {halfway} of them between two of its commits"
        assert left, f"{told}; {KILLS} and {HALFWAY} are to"
        before, known = stored(sandbox), {run.run_id for run in _runs(sandbox)}
        change_flights(sandbox, 1 if len(left) % 2 else -1)
        alive = kill(sandbox, left.pop())
        between = stored(sandbox)
        # Nearly all of it is importing; nothing of it is waiting for the dead.
        assert finish(sandbox) < 2 * undisturbed + 60
        after = stored(sandbox)
        for name, digest in between.items():
            assert digest in {before[name], after[name]}, f"{name} is neither old nor new"
        states = [run.status.value for run in reversed(_runs(sandbox)) if run.run_id not in known]
        assert_nothing_left(sandbox)
        if alive and "FAILURE" in states:
            # Of tables or of model and loop; nothing is left to do where all but the end was over.
            assert states.count("FAILURE") == 1
            killed += 1
            halfway += between not in (before, after)
        else:
            # It had ended, or was not yet a run.
            assert {*states} == {"SUCCESS"}


def _moments(tables: float, whole: float) -> list[Moment]:
    """Return when to kill, the last one first: every other kill after the first of the commits."""
    any_time = [Moment(_locks, seconds) for seconds in moments(KILLS, whole, seed=2)]
    early = [Moment(_committed, seconds) for seconds in moments(KILLS, tables / 2, seed=1)]
    more = [Moment(_committed, seconds) for seconds in moments(KILLS + 4, tables / 2, seed=3)]
    return [*more, *(moment for pair in zip(any_time, early, strict=True) for moment in pair)]


def _lengths(sandbox: Sandbox) -> tuple[float, float]:
    """Return how many seconds the newest run of tables took, and that with what followed it."""
    with instance_of(sandbox) as instance:
        after, tables = instance.get_run_records(limit=2)
    assert tables.start_time is not None
    assert tables.end_time is not None
    assert after.end_time is not None
    return tables.end_time - tables.start_time, after.end_time - tables.start_time


def _runs(sandbox: Sandbox) -> list[Any]:
    with instance_of(sandbox) as instance:
        return list(instance.get_runs())


def assert_nothing_left(sandbox: Sandbox) -> None:
    """No unfinished run, no MLflow run without an end, no lock."""
    with instance_of(sandbox) as instance:
        assert unfinished(instance) == []
        states = {run.run_id: run.status.value for run in instance.get_runs()}
    for run_id, state in mlflow_states(sandbox).items():
        assert state in {"FINISHED", "FAILED"}
        assert state == "FINISHED" or states[run_id] == "FAILURE"
    assert list((sandbox.data / "runs").iterdir()) == []
