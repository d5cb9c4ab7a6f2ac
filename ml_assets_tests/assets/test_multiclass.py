"""A pipeline of several classes, through Dagster: flights that are early, on time or late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.automation.reproduce import reproduce
from ml_assets.registry.record import read_record
from ml_assets_tests.assets.contenders import aliases_of, let_slow, register_like, weaken
from ml_assets_tests.conftest import LOOP
from ml_assets_tests.finished import KIND

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

CLASSES = ["early", "late", "on time"]


def test_the_report_shows_each_class_and_what_is_taken_for_what(several: Finished) -> None:
    html = (several.settings.data / "reports" / "flights.html").read_text()
    for words in ("Confusion matrix", "Reliability", "Macro AUC", "Macro F1", *CLASSES):
        assert words in html
    found = several.latest("evaluation")
    assert {"lightgbm log_loss", "linear accuracy_low", "constant macro_auc"} <= set(found)
    assert found["lightgbm log_loss"] < found["own log_loss"] < found["constant log_loss"]
    assert found["lightgbm late_surprise_low"] < found["lightgbm late_surprise"]
    assert found["lightgbm late_surprise"] < found["own late_surprise"]
    assert "Mean chance that late flights were not given" in html
    (version,) = several.versions()
    losses = read_record(several.settings.tracking_uri, version.run_id).losses
    assert set(losses) == {"lightgbm", "linear", "own"}


def test_the_packed_model_answers_with_a_column_per_class(several: Finished) -> None:
    import mlflow
    import pandas as pd
    import pyarrow as pa

    from ml_assets.registry.package import load_native

    (version,) = several.versions()
    mlflow.set_tracking_uri(several.settings.tracking_uri)
    loaded = mlflow.pyfunc.load_model(version.uri)
    model = load_native(several.settings.tracking_uri, version.uri)
    given = {
        feature.name: [1.0, None] if feature.kind == "number" else ["EWR", None]
        for feature in model.codec.features
    }
    answers = loaded.predict(pd.DataFrame(given))
    assert list(answers.columns) == CLASSES
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    native = model.predict(pa.table(given))
    np.testing.assert_array_equal(answers.to_numpy(), native)
    assert [column.name for column in loaded.metadata.signature.outputs.inputs] == CLASSES
    assert not [*several.settings.data.rglob("*.pkl")]


def test_it_is_reproduced_bit_for_bit(several: Finished) -> None:
    (version,) = several.versions()
    found = reproduce(several.box.pipeline, several.settings, version)
    assert found.identical
    assert found.reasons == []


@pytest.mark.slow
def test_scores_hold_each_class_and_the_monitors_look_at_each(several: Finished) -> None:
    assert not several.run(*LOOP, refresh=True)
    with several.box.lake() as con:
        wrong = con.execute(
            "SELECT count(*) FROM flights.predictions.scores WHERE score <>"
            " list_max(map_values(probabilities)) OR probabilities[predicted] <> score"
            " OR abs(list_sum(map_values(probabilities)) - 1) > 1e-9"
        ).fetchone()
        assert wrong == (0,)
        rows, labelled, right, early = (
            con.execute(
                "SELECT sum(rows), sum(labelled), sum(labelled_label), sum(classes['early'][1])"
                " FROM flights.monitoring.days"
            ).fetchone()
            or ()
        )
        ((known, is_early),) = con.execute(
            f"SELECT count(*), count(*) FILTER ({KIND} = 'early') FROM flights.cleaned.arrivals"
            " WHERE _partition = '2013-03'"
        ).fetchall()
    assert (labelled, early) == (known, is_early)
    assert 0 < right < labelled <= rows
    told = several.latest("monitoring/performance")
    assert "of the other classes" in told["calibration reason"]
    assert "of the other classes" in told["observed_expected reason"]
    assert "model expects of itself" in told["performance reason"]
    assert "score of" in several.latest("monitoring/drift")["prediction_drift reason"]
    assert not several.run("retraining_decision", refresh=True)


@pytest.mark.slow
def test_a_class_that_nobody_knew_is_counted_in_the_monitors_and_the_gate(
    several: Finished,
) -> None:
    several.box.declare(_divert)
    assert not several.run(*LOOP, refresh=True)
    with several.box.lake() as con:
        ((rows,),) = con.execute(
            "SELECT sum(classes['diverted'][1]) FROM flights.monitoring.days"
        ).fetchall()
    assert rows > 0
    told = several.latest("monitoring/performance")
    assert (
        f"{rows:,.0f} rows are of classes that training did not see" in told["calibration reason"]
    )
    assert told["performance verdict"] == "alarm"


def _divert(declared: dict[str, Any]) -> None:
    # Only in the partition that tests, so that version 1 does not know it.
    label = declared["label"]
    label["value"] = f"""CASE WHEN flight_date >= DATE '2013-03-01' AND arrival_delay > 60
        THEN 'diverted' ELSE {KIND} END"""


@pytest.mark.slow
def test_a_better_challenger_passes_the_gate_and_its_refit_goes_live(several: Finished) -> None:
    several.box.declare(let_slow)
    weaken(several)
    register_like(several)
    assert not several.run("promotion")
    live = several.versions()[aliases_of(several)["champion"] - 1]
    assert live.refit_of == 3
    assert reproduce(several.box.pipeline, several.settings, live).identical
    criteria = several.latest("promotion")["criteria"]
    for words in ("calibration of early", "brier", "refit's mean of late", "golden rows"):
        assert words in criteria
