"""One small trained model and one empty MLflow store, each made once."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.ml import boost, codec
from ml_assets.ml.spec import ModelSpec, SplitSpec
from ml_assets.registry.store import prepare
from ml_assets.registry.tracking import RunHandle, open_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.ml.boost import TrainedModel

FEATURES = ("distance", "seats", "unknown_plane", "origin", "carrier")


def training_table(rows: int = 3000) -> pa.Table:
    """Rows of three numbers of different types and two categories, with NULLs in all but one."""
    rng = np.random.default_rng(7)
    late = rng.random(rows)
    table = {
        "distance": pa.array(rng.normal(900, 300, rows), mask=rng.random(rows) < 0.1),
        "seats": pa.array(rng.integers(2, 400, rows), mask=rng.random(rows) < 0.1),
        "unknown_plane": pa.array(rng.random(rows) < 0.3, mask=rng.random(rows) < 0.1),
        "origin": pa.array(rng.choice(["EWR", "JFK", "LGA"], rows)),
        "carrier": pa.array(rng.choice(["AA", "MQ", "UA"], rows), mask=rng.random(rows) < 0.1),
        "_label": (late < 0.3).astype(float),
    }
    return pa.table(table)


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    spec = ModelSpec(split=SplitSpec(test=1, tune=1))
    table = training_table()
    fitted = codec.fit(table, FEATURES)
    return boost.train(table, fitted, {"learning_rate": 0.2, "num_leaves": 15}, 30, spec)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture
def tracking_uri(empty_store: Path, tmp_path: Path) -> str:
    path = tmp_path / "mlflow" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(empty_store, path)
    return f"sqlite:///{path}"


@contextmanager
def flights_run(
    tracking_uri: str, tags: dict[str, str] | None = None, dagster_run_id: str = "dagster-1"
) -> Iterator[RunHandle]:
    """Open a run of experiment `flights` with its artifacts beside the store."""
    root = Path(tracking_uri.removeprefix("sqlite:///")).parent / "artifacts"
    with open_run(
        tracking_uri,
        "flights",
        artifact_root=str(root),
        dagster_run_id=dagster_run_id,
        tags=tags or {},
    ) as handle:
        yield handle
