"""Walking forward through the real flights gives the known means, and none too good to be true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.ml.walk import walk
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import read
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ml_assets.ml.walk import Walk
    from ml_assets.tables.pipeline import Pipeline

# Without the folder nothing here is collected.
example("flights")
pytestmark = pytest.mark.longest
TUNED = (0.731, 0.782, 0.782, 0.780, 0.751, 0.756, 0.738, 0.713, 0.750)
"""Area under the curve from April to December, after a search of 30 trials each."""


def walked(con: DuckDBPyConnection, pipeline: Pipeline, place: Path, **changed: object) -> Walk:
    """Walk forward with what is `changed` in the model's declaration."""
    names = feature_names(pipeline)
    return walk(
        read(con, pipeline, clock.now(), names),
        names,
        replace(pipeline.declaration.model, **changed),  # type: ignore[arg-type]
        storage=f"sqlite:///{place}/walk.sqlite",
        study="walk",
        progress=lambda text: None,
    )


def test_the_known_means_are_reached(
    con: DuckDBPyConnection, flights: Pipeline, tmp_path: Path
) -> None:
    found = walked(con, flights, tmp_path)
    assert [step.partition for step in found.steps] == [f"2013-{m:02d}" for m in range(4, 13)]
    assert sum(step.rows for step in found.steps) == 249_435
    assert found.mean("constant", "auc") == 0.5
    assert found.mean("linear", "auc") == pytest.approx(0.727, abs=0.003)
    assert found.mean("untuned", "auc") == pytest.approx(0.7505, abs=0.003)
    assert found.mean("untuned", "average_precision") == pytest.approx(0.545, abs=0.003)
    assert found.mean("untuned", "log_loss") == pytest.approx(0.4661, abs=0.002)
    assert found.mean("tuned", "auc") == pytest.approx(0.7537, abs=0.003)
    assert found.mean("tuned", "average_precision") == pytest.approx(0.550, abs=0.004)
    assert found.mean("tuned", "log_loss") == pytest.approx(0.4636, abs=0.002)
    assert found.mean("tuned", "brier") == pytest.approx(0.1488, abs=0.001)
    months = [step.metrics["tuned"]["auc"] for step in found.steps]
    assert months == pytest.approx(TUNED, abs=0.012)
    assert max(months) < 0.8


def test_minutes_of_delay_are_predicted_as_well_as_known(
    con: DuckDBPyConnection, flights: Pipeline, tmp_path: Path
) -> None:
    declared = flights.declaration
    label = replace(declared.label, value="arrival_delay", unit="min")
    minutes = replace(flights, declaration=declared.model_copy(update={"label": label}))
    # One trial only finds the rounds.
    tuning = replace(declared.model.tuning, walk_forward_trials=1)
    found = walked(con, minutes, tmp_path, problem="regression", tuning=tuning)
    assert found.mean("constant", "mae") == pytest.approx(26.0, abs=0.1)
    assert found.mean("untuned", "mae") == pytest.approx(23.0, abs=0.2)
