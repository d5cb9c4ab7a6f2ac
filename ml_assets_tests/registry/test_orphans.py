"""What killed processes leave in MLflow is named a failure with its reason, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_assets.registry import orphans
from ml_assets.registry.orphans import close_orphans, close_unregistered
from ml_assets.registry.package import log_model
from ml_assets.registry.versions import register
from ml_assets_tests.registry.conftest import flights_run
from ml_assets_tests.registry.test_tracking import runs

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.ml.boost import TrainedModel

KILLED = """
import os, signal, sys
from ml_assets.registry.tracking import open_run
with open_run(sys.argv[1], "flights", artifact_root=None, dagster_run_id="dead", tags={}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_run_is_marked_failed_at_the_next_start(tracking_uri: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, tracking_uri], check=False)
    with flights_run(tracking_uri, dagster_run_id="alive"):
        closed = close_orphans(tracking_uri, {"dead": False, "alive": True}.get)
        states = {run.data.tags["dagster.run_id"]: run for run in runs(tracking_uri)}
        assert [states["dead"].info.run_id] == closed
        assert states["dead"].info.status == "FAILED"
        assert "Dagster run dead was gone" in states["dead"].data.tags["failure"]
        assert states["alive"].info.status == "RUNNING"
    assert close_orphans(tracking_uri, lambda _: False) == []


def test_a_run_of_unknown_state_is_left_alone(tracking_uri: str) -> None:
    with flights_run(tracking_uri):
        assert close_orphans(tracking_uri, lambda _: None) == []


def test_looking_for_orphans_creates_no_store_and_needs_no_mlflow(
    tracking_uri: str, tmp_path: Path
) -> None:
    code = (
        "import sys; from ml_assets.registry.orphans import close_orphans, close_unregistered; "
        "print(close_orphans(sys.argv[1], lambda _: False),"
        " close_unregistered(sys.argv[1], lambda _: False), 'mlflow' in sys.modules)"
    )
    for uri in (tracking_uri, f"sqlite:///{tmp_path}/none.db"):
        done = subprocess.run(
            [sys.executable, "-c", code, uri], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[] [] False"
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("looked", [True, False])
def test_a_finished_run_that_was_never_registered_is_named_a_failure(
    tracking_uri: str, model: TrainedModel, monkeypatch: pytest.MonkeyPatch, looked: bool
) -> None:
    with flights_run(tracking_uri, dagster_run_id="registered") as handle:
        uri = log_model(handle, model, threads=1)
    register(tracking_uri, "flights", handle.run_id, uri, {})
    for name in ("killed", "alive"):
        with flights_run(tracking_uri, dagster_run_id=name):
            pass
    if not looked:
        # As with a server, whose tables are not in reach.
        monkeypatch.setattr(orphans, "sqlite_path", lambda _: None)
    before = {run.data.tags["dagster.run_id"]: run for run in runs(tracking_uri)}
    (closed,) = close_unregistered(tracking_uri, lambda run_id: run_id != "alive")
    after = {run.data.tags["dagster.run_id"]: run for run in runs(tracking_uri)}
    assert closed == before["killed"].info.run_id
    assert {name: run.info.status for name, run in after.items()} == {
        "registered": "FINISHED",
        "killed": "FAILED",
        "alive": "FINISHED",
    }
    assert "Dagster run killed ended before" in after["killed"].data.tags["failure"]
    assert after["killed"].info.end_time == before["killed"].info.end_time
    # Asked again it has nothing to do.
    assert close_unregistered(tracking_uri, lambda run_id: run_id != "alive") == []
