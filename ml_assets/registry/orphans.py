"""MLflow runs that killed processes left behind: running, or finished and never registered."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ml_assets.registry.store import connected, sqlite_path
from ml_assets.registry.tracking import DAGSTER_RUN, FAILURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlflow import MlflowClient
    from mlflow.entities import Run

NEWEST = 1000
"""Finished runs that are looked at on a server: what a kill left over is among the newest."""
RUNNING = "SELECT run_uuid, status FROM runs WHERE status = 'RUNNING' LIMIT 1"
UNREGISTERED = """
    SELECT run_uuid, value FROM runs JOIN tags USING (run_uuid)
    WHERE key = ? AND status = 'FINISHED' AND lifecycle_stage = 'active'
        AND run_uuid NOT IN (SELECT run_id FROM model_versions WHERE run_id IS NOT NULL)
"""


def close_orphans(tracking_uri: str, is_alive: Callable[[str], bool | None]) -> list[str]:
    """Mark FAILED the running runs whose Dagster run is dead (False, not None); return their ids.

    A store that does not exist yet is not created.
    """
    if _asked(tracking_uri, RUNNING) == []:
        return []
    closed = []
    with connected(tracking_uri) as client:
        for run_id, dagster_run_id in _running(client):
            if is_alive(dagster_run_id) is False:
                reason = f"The process of Dagster run {dagster_run_id} was gone before it finished."
                client.set_tag(run_id, FAILURE, reason)
                client.set_terminated(run_id, "FAILED")
                closed.append(run_id)
    return closed


def close_unregistered(tracking_uri: str, has_failed: Callable[[str], bool]) -> list[str]:
    """Mark FAILED the finished runs without a version whose Dagster run failed; return their ids.

    A run is finished before its version is registered: a kill between the two leaves a model that
    nobody would find. It is trained again, so that what is left of it is named a failure.
    """
    found = _asked(tracking_uri, UNREGISTERED, DAGSTER_RUN)
    if found is not None and not any(has_failed(dagster_run_id) for _, dagster_run_id in found):
        return []
    closed = []
    with connected(tracking_uri) as client:
        for run_id, dagster_run_id in _unregistered(client) if found is None else found:
            if has_failed(dagster_run_id):
                reason = f"Dagster run {dagster_run_id} ended before it registered a version of it."
                client.set_tag(run_id, FAILURE, reason)
                ended = client.get_run(run_id).info.end_time
                client.set_terminated(run_id, "FAILED", end_time=ended)
                closed.append(run_id)
    return closed


def _running(client: MlflowClient) -> list[tuple[str, str]]:
    """Return (MLflow run, Dagster run) of every running run that came from Dagster."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=50_000)
    return _from_dagster(runs)


def _unregistered(client: MlflowClient) -> list[tuple[str, str]]:
    """Return (MLflow run, Dagster run) of the newest finished runs that no version is of."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'FINISHED'", max_results=NEWEST)
    registered = {one.run_id for one in client.search_model_versions(max_results=100_000)}
    return _from_dagster(run for run in runs if run.info.run_id not in registered)


def _from_dagster(runs: Iterable[Run]) -> list[tuple[str, str]]:
    tagged = ((run.info.run_id, run.data.tags.get(DAGSTER_RUN)) for run in runs)
    return [(run_id, dagster_run_id) for run_id, dagster_run_id in tagged if dagster_run_id]


def _asked(tracking_uri: str, query: str, *given: str) -> list[tuple[str, str]] | None:
    """Ask a SQLite store without MLflow, whose import costs seconds; None where that fails."""
    path = sqlite_path(tracking_uri)
    if path is None:
        return None
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query, given).fetchall()
    except sqlite3.Error:
        return None
