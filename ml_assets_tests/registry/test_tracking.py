from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import TrackingError
from ml_assets.registry import tracking
from ml_assets.registry.store import connected, sqlite_path
from ml_assets.registry.tracking import (
    TrainingInput,
    log,
    log_input,
    log_metrics,
    log_text,
    open_run,
    read_text,
)
from ml_assets_tests.registry.conftest import flights_run

if TYPE_CHECKING:
    from mlflow.entities import Run


def runs(tracking_uri: str) -> list[Run]:
    with connected(tracking_uri) as client:
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return list(client.search_runs(experiments))


def test_a_run_finishes_with_what_was_logged(tracking_uri: str) -> None:
    with flights_run(tracking_uri, {"code_version": "abc"}) as handle:
        many = {f"metric_{i}": i / 7 for i in range(300)}
        log(handle, params={"rounds": 30, "rate": 0.2}, metrics=many, tags={"cpu": "x"})
        log_input(handle, TrainingInput("flights", 12, "ab" * 32, 336_776))
    (run,) = runs(tracking_uri)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"rounds": "30", "rate": "0.2"}
    assert run.data.metrics == many
    assert run.data.tags[tracking.DAGSTER_RUN] == "dagster-1"
    assert {"code_version", "cpu"} <= set(run.data.tags)
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.source == '{"catalog": "flights", "snapshot_id": 12}'
    served = "http://127.0.0.1:5000"
    assert handle.page == f"{served}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def test_artifacts_go_below_the_given_root(tracking_uri: str, tmp_path: Path) -> None:
    with flights_run(tracking_uri) as handle:
        pass
    log_text(tracking_uri, handle.run_id, "report.html", "<p>é</p>")
    root = tmp_path / "mlflow" / "artifacts" / "flights"
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["report.html"]
    assert read_text(tracking_uri, handle.run_id, "report.html") == "<p>é</p>"


def test_reading_an_artifact_leaves_nothing_behind(
    tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that is left on reads the records of its models every day."""
    with flights_run(tracking_uri) as handle:
        pass
    log_text(tracking_uri, handle.run_id, "report.html", "<p>é</p>")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    read_text(tracking_uri, handle.run_id, "report.html")
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_a_finished_run_takes_metrics_and_stays_finished(tracking_uri: str) -> None:
    with flights_run(tracking_uri) as handle:
        pass
    log_metrics(tracking_uri, handle.run_id, {"auc": 0.75})
    (run,) = runs(tracking_uri)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"auc": 0.75})


@pytest.mark.parametrize("error", [ValueError("one class only"), KeyboardInterrupt()])
def test_an_exception_closes_the_run_once_as_failed(
    tracking_uri: str, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    from mlflow import MlflowClient

    closed: list[str] = []
    close = MlflowClient.set_terminated

    def counted(self: MlflowClient, run_id: str, status: str) -> None:
        closed.append(status)
        close(self, run_id, status)

    monkeypatch.setattr(MlflowClient, "set_terminated", counted)
    with pytest.raises(type(error)) as caught, flights_run(tracking_uri):
        raise error
    assert caught.value is error
    assert closed == ["FAILED"]
    (run,) = runs(tracking_uri)
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == f"{type(error).__name__}: {error}"


def test_a_store_lost_meanwhile_does_not_hide_the_training_error(tracking_uri: str) -> None:
    path = sqlite_path(tracking_uri)
    assert path is not None
    with pytest.raises(ValueError, match="training") as caught, flights_run(tracking_uri):
        path.write_text("no database " * 100)
        raise ValueError("training")
    assert "could not be closed" in caught.value.__notes__[0]


def test_nothing_is_printed(
    tracking_uri: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), flights_run(tracking_uri) as handle:
        log(handle, metrics={"auc": 0.75})
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("mlflow")]


@pytest.mark.slow
def test_telemetry_is_off() -> None:
    code = (
        "from ml_assets.registry.quiet import quiet\nwith quiet(): pass\n"
        "from mlflow.telemetry.client import get_telemetry_client\nprint(get_telemetry_client())"
    )
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "None"


def test_an_unusable_store_fails_before_the_body_runs(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    uri = f"sqlite:///{tmp_path}/text.db"
    entered = False
    with (
        pytest.raises(TrackingError),
        open_run(uri, "flights", artifact_root=None, dagster_run_id="1", tags={}),
    ):
        entered = True
    assert not entered
