"""The model asset: one MLflow run per version, linked both ways, and a model that loads as is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from ml_assets.assets.train import code_versions, read_at, training_code
from ml_assets.registry.package import load_native
from ml_assets.registry.record import read_record
from ml_assets.tables.spine import feature_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets_tests.finished import Finished

PICKLE = re.compile(rb"^\x80[\x02-\x05]")


def record_of(finished: Finished, version: int = 1) -> Any:  # noqa: ANN401
    one = finished.versions()[version - 1]
    return read_record(finished.settings.tracking_uri, one.run_id)


def training_rows(finished: Finished) -> pa.Table:
    record = record_of(finished)
    table, _ = read_at(
        finished.box.pipeline,
        finished.settings,
        record.snapshot_id,
        record.labels_known_by,
        record.features,
    )
    return table


def test_one_finished_run_per_version_linked_both_ways(finished: Finished) -> None:
    (version,) = finished.versions()
    (run,) = finished.mlflow_runs()
    about = finished.latest("model")
    assert (run.info.run_id, run.info.status) == (version.run_id, "FINISHED")
    assert run.data.tags["dagster.run_id"] == finished.run_id == version.tags["dagster.run_id"]
    assert about["mlflow_run_id"] == version.run_id
    assert about["mlflow_page"].endswith(f"/runs/{version.run_id}")
    assert about["version"] == version.version == 1


def test_the_run_says_what_went_in(finished: Finished) -> None:
    (run,) = finished.mlflow_runs()
    record, about = record_of(finished), finished.latest("model")
    assert run.data.params["rounds"] == str(record.rounds) == str(about["trees"])
    assert float(run.data.params["learning_rate"]) == record.parameters["learning_rate"]
    assert run.data.metrics["training_rows"] == record.training_rows == about["training_rows"]
    assert run.data.metrics["tuning_loss"] == about["tuning_loss"] < np.log(2)
    assert run.data.tags["lake.snapshot_id"] == str(finished.latest("training_set")["snapshot"])
    assert run.data.tags["model_hash"] == about["model_hash"]
    for table, version in code_versions(finished.box.pipeline).items():
        assert run.data.tags[f"code_version.{table}"] == version
    assert run.inputs is not None
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "flights.training_set"
    assert f'"snapshot_id": {record.snapshot_id}' in given.dataset.source


def test_the_model_asset_bears_the_code_version_of_the_training(finished: Finished) -> None:
    assert record_of(finished).code_versions["training"] == training_code(finished.box.pipeline)


def test_the_budget_counts_trials(finished: Finished) -> None:
    lines = finished.latest("model")["trials"].splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["1", "2"]


def test_the_registered_model_predicts_what_the_native_one_does(finished: Finished) -> None:
    import mlflow

    table = training_rows(finished)
    (version,) = finished.versions()
    native = load_native(finished.settings.tracking_uri, version.uri).predict(table)
    names = feature_names(finished.box.pipeline)
    with tracking(finished.settings.tracking_uri):
        loaded = mlflow.pyfunc.load_model("models:/flights@champion")
        frame = table.select(names).to_pandas()
        scores = loaded.predict(frame[names[::-1]])
        as_floats = frame.assign(distance=frame["distance"].astype(float), carrier="never seen")
        strange = loaded.predict(as_floats.head(50))
        with pytest.raises(Exception, match="distance"):
            loaded.predict(frame.drop(columns="distance"))
    assert np.array_equal(scores, native)
    assert native.std() > 0.01
    few = table.slice(0, 50)
    place = few.column_names.index("carrier")
    unseen = few.set_column(place, "carrier", pa.array(["another"] * 50))
    expected = load_native(finished.settings.tracking_uri, version.uri).predict(unseen)
    assert np.array_equal(strange, expected)


@contextmanager
def tracking(uri: str) -> Iterator[None]:
    """Point MLflow's own functions to a store, as a notebook does."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield
    mlflow.set_tracking_uri(before)


def test_nothing_in_the_artifacts_is_a_pickle(finished: Finished) -> None:
    files = list(Path(finished.settings.artifact_root or "").rglob("*"))
    names = {path.name for path in files if path.is_file()}
    assert {"model.txt", "codec.json", "MLmodel", "training_record.json"} <= names
    assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]
    assert not [path for path in files if path.is_file() and PICKLE.match(path.read_bytes())]


@pytest.mark.slow
def test_training_again_gives_the_same_model_as_the_next_version(mine: Finished) -> None:
    assert not mine.run()
    first, second = record_of(mine, 1), record_of(mine, 2)
    assert first.model_hash == second.model_hash
    assert len(mine.mlflow_runs()) == 2
    assert [run.info.status for run in mine.mlflow_runs()] == ["FINISHED"] * 2
    assert [one.aliases for one in mine.versions()] == [("champion",), ("challenger",)]


@pytest.mark.slow
def test_a_failed_training_leaves_a_failed_run_and_no_version(mine: Finished) -> None:
    mine.box.declare(lambda declared: declared["label"].update(value="arrival_delay > -10000"))
    message = mine.run("training_set", "model")["model"]
    assert re.search(r"Only one class in the fitting window: all 1,\d{3} labels are 1", message)
    assert len(mine.versions()) == 1
    newest = mine.mlflow_runs()[0]
    assert newest.info.status == "FAILED"
    assert "Only one class" in newest.data.tags["failure"]


@pytest.mark.slow
def test_too_few_rows_are_named(mine: Finished) -> None:
    mine.box.declare(lambda declared: declared["model"].update(minimum_rows=4000))
    message = mine.run("training_set", "model")["model"]
    assert "fewer than minimum_rows = 4,000" in message
    assert mine.mlflow_runs()[0].info.status == "FAILED"


def test_a_locked_store_is_named(mine: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_assets.registry.store.WAIT_SECONDS", 0.2)
    store = mine.settings.data / "mlflow" / "mlflow.db"
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        message = mine.run("model")["model"]
    assert f"The MLflow store {store} stayed locked by another process." in message
    assert len(mine.mlflow_runs()) == 1


def test_an_unwritable_store_is_named(mine: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mine.box.root / "file"
    folder.write_text("in the way")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    message = mine.run("model")["model"]
    assert f"The MLflow store {folder}/mlflow.db cannot be written" in message


@pytest.mark.slow
def test_a_damaged_store_fails_the_training_and_not_the_tables(mine: Finished) -> None:
    store = mine.settings.data / "mlflow" / "mlflow.db"
    store.write_text("no database" * 1000)
    failed = mine.run("features/weather", "training_set", "model")
    assert list(failed) == ["training_set"]
    assert f"The MLflow store {store} is damaged or no SQLite file" in failed["training_set"]


def test_without_a_training_set_it_says_what_to_materialize(mine: Finished) -> None:
    with mine.instance() as instance:
        instance.wipe_assets([dg.AssetKey(["flights", "training_set"])])
    message = mine.run("model")["model"]
    assert "flights has no training set yet" in message
    assert "Materialize flights/training_set" in message
