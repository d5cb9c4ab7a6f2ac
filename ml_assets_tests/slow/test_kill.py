"""kill -9 of whole Dagster runs, at moments spread over their life."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets_tests.slow.sampled import (
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
    from pathlib import Path

    from ml_assets_tests.automation.sandbox import Sandbox

KILLS = 20


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
        assert time.monotonic() - begin < 300, f"the run hangs:\n{log_of(sandbox)}"
        time.sleep(0.05)
    assert process.returncode == 0, log_of(sandbox)
    return first


def kill(sandbox: Sandbox, delay: float) -> bool:
    """Start a run and kill its process group after `delay` seconds; say whether it still ran."""
    process = start(sandbox)
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def mlflow_states(sandbox: Sandbox) -> dict[str, str]:
    """Return Dagster run id to the state of its MLflow run."""
    import mlflow

    client: Any = mlflow.MlflowClient(tracking_uri=settings_of(sandbox).tracking_uri)
    experiment = client.get_experiment_by_name(NAME)
    runs = client.search_runs([experiment.experiment_id]) if experiment is not None else []
    return {run.data.tags["dagster.run_id"]: str(run.info.status) for run in runs}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")
def test_after_every_kill_all_is_as_before_or_after_and_the_next_run_succeeds(
    tmp_path: Path,
) -> None:
    sandbox = flights_sandbox(tmp_path)
    finish(sandbox)
    change_flights(sandbox, 1)
    begin = time.monotonic()
    undisturbed = finish(sandbox)
    whole = time.monotonic() - begin
    torn = 0
    for number, delay in enumerate(moments(KILLS, whole * 0.95, seed=1)):
        before = stored(sandbox)
        change_flights(sandbox, 1 if number % 2 else -1)
        known = {run.run_id for run in _runs(sandbox)}
        alive = kill(sandbox, delay)
        between = stored(sandbox)
        # Nearly all of it is importing; nothing of it is waiting for the dead.
        assert finish(sandbox) < 2 * undisturbed + 10
        after = stored(sandbox)
        for name, digest in between.items():
            assert digest in {before[name], after[name]}, f"{name} is neither old nor new"
        torn += before != between != after
        began = [run for run in _runs(sandbox) if run.run_id not in known]
        states = sorted(run.status.value for run in began)
        # Killed while it imported there was no run yet; killed at its very end, it was over.
        assert states in (["FAILURE", "SUCCESS"], ["SUCCESS"], ["SUCCESS", "SUCCESS"]), states
        assert alive or states != ["FAILURE", "SUCCESS"]
        assert_nothing_left(sandbox)
    assert torn >= KILLS // 5, "hardly a kill hit a run between two commits"


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
