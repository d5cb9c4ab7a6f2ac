"""A finished pipeline: sampled flights, trained, evaluated and promoted through Dagster."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import yaml

from ml_assets.assets.events import latest
from ml_assets.registry.record import FILE, read_record
from ml_assets.replay.root import INSTANCE
from ml_assets_tests.assets.running import failed, prove, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_assets.registry.versions import Version
    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.sandbox import Sandbox

MODEL = ("training_set", "model", "evaluation", "promotion")
KIND = """CASE WHEN arrival_delay < -15 THEN 'early'
    WHEN arrival_delay < 15 THEN 'on time' ELSE 'late' END"""
"""The label of flights in classes."""
OWN = """
def fit(label, origin, classes):
    return {
        airport: [float((label[origin == airport] == name).mean()) for name in classes]
        for airport in set(origin)
    }


def predict(parameters, origin, classes):
    even = [1 / len(classes)] * len(classes)
    return [parameters.get(airport, even) for airport in origin]


def late_surprise(label, score, classes, origin):
    \"\"\"Mean chance that late flights were not given, each airport counted once.\"\"\"
    missing = 1 - score[:, classes.index("late")]
    airports = sorted(set(origin))
    return sum(missing[(label == "late") & (origin == a)].mean() for a in airports) / len(airports)
"""
"""A baseline and a metric of the pipeline's own."""
WHERE = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The columns of an MLflow store that say where files are."""


@dataclass(frozen=True)
class Finished:
    """A pipeline with its data root and the Dagster instance that ran it."""

    box: Sandbox
    run_id: str = ""
    """The Dagster run that made version 1."""

    @property
    def home(self) -> Path:
        """The folder of the Dagster instance."""
        return self.box.root / "home"

    @property
    def settings(self) -> Settings:
        """Where its data is."""
        return self.box.settings

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open the Dagster instance."""
        self.home.mkdir(exist_ok=True)
        with dg.DagsterInstance.local_temp(
            str(self.home), overrides=yaml.safe_load(INSTANCE)
        ) as instance:
            yield instance

    def run(
        self, *assets: str, keys: list[str] | None = None, refresh: bool = False
    ) -> dict[str, str]:
        """Run assets, the model's by default; return the steps that failed with what they say."""
        with self.instance() as instance:
            return failed(
                run(self.box, *(assets or MODEL), keys=keys, instance=instance, refresh=refresh)
            )

    def latest(self, asset: str) -> dict[str, Any]:
        """Return the metadata of the newest materialization of an asset."""
        with self.instance() as instance:
            found = latest(instance, dg.AssetKey([self.box.name, *asset.split("/")]))
        assert found is not None
        return found

    def versions(self) -> list[Version]:
        """Return the registered versions, oldest first."""
        from ml_assets.registry.versions import versions

        return versions(self.settings.tracking_uri, self.box.name)

    def mlflow_run(self, run_id: str) -> Run:
        """Return an MLflow run."""
        return self.client().get_run(run_id)

    def client(self) -> MlflowClient:
        """Return a client of the MLflow store."""
        from mlflow import MlflowClient

        return MlflowClient(self.settings.tracking_uri, self.settings.tracking_uri)

    def mlflow_runs(self) -> list[Run]:
        """Return all MLflow runs of the pipeline, newest first."""
        client = self.client()
        found = client.get_experiment_by_name(self.box.name)
        return list(client.search_runs([found.experiment_id])) if found else []

    def unlearn(self, *partitions: str) -> None:
        """Let the champion say that it was not trained on `partitions`: a challenger has news."""
        run_id = next(one.run_id for one in self.versions() if "champion" in one.aliases)
        record = read_record(self.settings.tracking_uri, run_id)
        windows = {
            name: [key for key in keys if key not in partitions]
            for name, keys in record.windows.items()
        }
        self.client().log_text(run_id, replace(record, windows=windows).to_json(), FILE)

    def copy(self, root: Path) -> Finished:
        """Return a copy under `root` to change at will."""
        box = self.box.copy(root)
        _repoint(root / "data" / "mlflow" / "mlflow.db", str(self.box.root), str(root))
        return Finished(box, self.run_id)


def finish(box: Sandbox) -> Finished:
    """Train, evaluate and promote on the tables that `box` holds."""
    found = Finished(box)
    with found.instance() as instance:
        prove(box, instance)
        result = run(box, *MODEL, instance=instance)
    assert not failed(result)
    return Finished(box, result.run_id)


def declare_small(declared: dict[str, Any]) -> None:
    """Make training on the sample short."""
    declared["model"]["split"] = {"test": 1, "tune": 1, "walk_forward_from": "2013-03"}
    declared["model"]["threads"] = 1
    declared["model"]["tuning"] = {"trials": 2, "walk_forward_trials": 1}
    declared["evaluation"] = {"slices": ["origin"], "minimum_support": 300, "resamples": 50}


def write_small(box: Sandbox) -> None:
    """Make training on the sample short."""
    box.declare(declare_small)


def write_several(box: Sandbox) -> None:
    """Predict one of several classes, with a baseline of the pipeline's own."""
    write_small(box)
    (box.folder / "own.py").write_text(OWN, encoding="utf-8")
    box.declare(_several)


def _several(declared: dict[str, Any]) -> None:
    declared["model"] |= {"problem": "multiclass", "baselines": ["linear", "own.py"]}
    declared["label"]["value"] = KIND
    surprise = {"function": "own.py:late_surprise", "smaller_is_better": True}
    declared["evaluation"]["metrics"] = [surprise]


def _repoint(store: Path, old: str, new: str) -> None:
    from mlflow.tracking._tracking_service import utils

    # MLflow remembers per run where its artifacts are, for as long as the process lives.
    utils._artifact_repos_cache.clear()
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, names in WHERE.items():
            for name in names:
                connection.execute(f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (old, new))
