"""MLflow runs: one per model version, linked with its Dagster run, closed exactly once."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.registry.store import connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Metric

DAGSTER_RUN = "dagster.run_id"
FAILURE = "failure"
LOCAL_UI = "http://127.0.0.1:5000"
"""Where `ml-assets ui` serves a local store unless it is told otherwise."""
_TAG_LIMIT = 5000


@dataclass(frozen=True)
class RunHandle:
    """One MLflow run."""

    tracking_uri: str
    experiment_id: str
    run_id: str

    @property
    def page(self) -> str:
        """The address of the run's page; of a local store, where `ml-assets ui` serves it."""
        served = self.tracking_uri if self.tracking_uri.startswith("http") else LOCAL_UI
        return f"{served.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{self.run_id}"


@dataclass(frozen=True)
class TrainingInput:
    """The data a run was trained on, as MLflow's Dataset column shows it."""

    name: str
    snapshot_id: int
    content_hash: str
    rows: int


@contextmanager
def open_run(
    tracking_uri: str,
    experiment: str,
    *,
    artifact_root: str | None,
    dagster_run_id: str,
    tags: Mapping[str, str],
) -> Iterator[RunHandle]:
    """Open a run and close it: FINISHED, or FAILED with the exception's text in tag `failure`.

    Artifacts go to `<artifact_root>/<experiment>`, or where a tracking server decides if None.
    """
    handle = _start(tracking_uri, experiment, artifact_root, {DAGSTER_RUN: dagster_run_id, **tags})
    try:
        yield handle
    except BaseException as error:
        _close_failed(handle, error)
        raise
    with connected(tracking_uri) as client:
        client.set_terminated(handle.run_id, "FINISHED")


def log(
    handle: RunHandle,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write parameters, metrics and tags in one batch."""
    from mlflow.entities import Param, RunTag

    with connected(handle.tracking_uri) as client:
        client.log_batch(
            handle.run_id,
            metrics=_metrics(client, handle.run_id, metrics or {}),
            params=[Param(key, str(value)) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
        )


def log_input(handle: RunHandle, data: TrainingInput) -> None:
    """Record the training set with the snapshot it was read from."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"catalog": data.name, "snapshot_id": data.snapshot_id})
    dataset = Dataset(
        name=data.name,
        digest=data.content_hash[:36],
        source_type="ducklake",
        source=source,
        profile=json.dumps({"num_rows": data.rows}),
    )
    with connected(handle.tracking_uri) as client:
        context = InputTag("mlflow.data.context", "training")
        client.log_inputs(handle.run_id, [DatasetInput(dataset, [context])])


def log_metrics(tracking_uri: str, run_id: str, metrics: Mapping[str, float]) -> None:
    """Add metrics to a run, finished or not, and to the model it logged."""
    with connected(tracking_uri) as client:
        client.log_batch(run_id, metrics=_metrics(client, run_id, metrics))


def log_text(tracking_uri: str, run_id: str, name: str, text: str) -> None:
    """Write the artifact `name` of a run, finished or not."""
    with connected(tracking_uri) as client:
        client.log_text(run_id, text, name)


def read_text(tracking_uri: str, run_id: str, name: str) -> str:
    """Read the artifact `name` of a run as text."""
    # Without a folder of ours MLflow makes one that nobody removes.
    with connected(tracking_uri) as client, tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, name, folder)).read_text(encoding="utf-8")


def _start(
    tracking_uri: str, experiment: str, artifact_root: str | None, tags: Mapping[str, str]
) -> RunHandle:
    with connected(tracking_uri) as client:
        experiment_id = _experiment(client, experiment, artifact_root)
        name = f"dagster-{tags[DAGSTER_RUN][:8]}"
        run = client.create_run(experiment_id, tags=dict(tags), run_name=name)
    return RunHandle(tracking_uri, experiment_id, run.info.run_id)


def _experiment(client: MlflowClient, name: str, artifact_root: str | None) -> str:
    from mlflow.exceptions import MlflowException

    location = None if artifact_root is None else f"{artifact_root.rstrip('/')}/{name}"
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return _experiment(client, name, artifact_root)
    return str(found.experiment_id)


def _close_failed(handle: RunHandle, error: BaseException) -> None:
    """Close a run whose body raised; the body's exception stays the one that is raised."""
    try:
        with connected(handle.tracking_uri) as client:
            reason = f"{type(error).__name__}: {error}"[:_TAG_LIMIT]
            client.set_tag(handle.run_id, FAILURE, reason)
            client.set_terminated(handle.run_id, "FAILED")
    except TrackingError as fault:
        error.add_note(f"MLflow run {handle.run_id} could not be closed: {fault}")


def _metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float]) -> list[Metric]:
    """Return the metrics with the id of the run's model, so that MLflow shows them there too."""
    from mlflow.entities import Metric

    if not metrics:
        return []
    outputs = client.get_run(run_id).outputs
    models = outputs.model_outputs if outputs else []
    model_id = models[-1].model_id if models else None
    now = time.time_ns() // 1_000_000
    return [Metric(key, value, now, 0, model_id=model_id) for key, value in metrics.items()]
