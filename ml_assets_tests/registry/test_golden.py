from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from ml_assets.errors import TrackingError
from ml_assets.registry.golden import FILE, SCORE, fresh_scores, log_golden
from ml_assets.registry.package import log_model
from ml_assets.registry.store import connected
from ml_assets.registry.versions import register
from ml_assets_tests.registry.conftest import flights_run, training_table

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.ml.boost import TrainedModel


@pytest.mark.slow
def test_a_fresh_process_answers_as_the_model_does(tracking_uri: str, model: TrainedModel) -> None:
    rows = training_table(300).select(list(model.codec.names))
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
        log_golden(tracking_uri, handle.run_id, rows, model.predict(rows))
    assert np.array_equal(fresh_scores(tracking_uri, uri, rows), model.predict(rows))
    with connected(tracking_uri) as client:
        kept = pq.read_table(client.download_artifacts(handle.run_id, FILE))
    assert kept.drop_columns(SCORE).equals(rows)
    assert np.array_equal(kept[SCORE].to_numpy(), model.predict(rows))


@pytest.mark.slow
def test_a_registry_that_the_environment_names_is_not_asked(
    tracking_uri: str, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
    version = register(tracking_uri, "flights", handle.run_id, uri, {})
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{tmp_path}/another.db")
    rows = training_table(30).select(list(model.codec.names))
    assert np.array_equal(fresh_scores(tracking_uri, version.uri, rows), model.predict(rows))


@pytest.mark.slow
def test_a_model_that_does_not_load_says_why(tracking_uri: str) -> None:
    with pytest.raises(TrackingError, match=r"models:/m-0 does not answer .*not found"):
        fresh_scores(tracking_uri, "models:/m-0", training_table(3))
