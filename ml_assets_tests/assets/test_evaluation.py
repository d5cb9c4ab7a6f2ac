"""The evaluation asset: the same numbers in Dagster, MLflow and the report, on later rows only."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ml_assets import clock
from ml_assets.assets.train import read_at
from ml_assets.ml.split import rows
from ml_assets.registry.package import load_native
from ml_assets.registry.record import read_record
from ml_assets.tables.summary import all_totals
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

CANDIDATES = {"lightgbm", "constant", "rate", "linear"}
METRICS = {"auc", "average_precision", "log_loss", "brier", "observed_expected"}


def text_of(finished: Finished) -> str:
    report = Path(finished.latest("evaluation")["report"]).read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", report)))


def test_dagster_and_mlflow_hold_the_same_numbers_as_floats(finished: Finished) -> None:
    about = finished.latest("evaluation")
    (run,) = finished.mlflow_runs()
    names = {f"{candidate} {metric}" for candidate in CANDIDATES for metric in METRICS}
    assert names <= set(about)
    for name in names:
        for each in (name, f"{name}_low", f"{name}_high"):
            assert isinstance(about[each], float)
            assert run.data.metrics[each.replace(" ", "/")] == about[each]
        assert about[f"{name}_low"] <= about[name] <= about[f"{name}_high"]


def test_the_numbers_are_those_of_the_registered_model_on_the_test_window(
    finished: Finished,
) -> None:
    (version,) = finished.versions()
    uri = finished.settings.tracking_uri
    record = read_record(uri, version.run_id)
    table, digest = read_at(
        finished.box.pipeline,
        finished.settings,
        record.snapshot_id,
        record.labels_known_by,
        record.features,
    )
    test = rows(table, ["2013-03"])
    assert record.windows["test"] == ["2013-03"]
    assert digest == record.training_set_hash
    about = finished.latest("evaluation")
    score = load_native(uri, version.uri).predict(test)
    assert about["test_rows"] == test.num_rows
    assert about["lightgbm auc"] == pytest.approx(roc_auc_score(test["_label"], score), abs=1e-12)
    assert about["constant auc"] == 0.5


def test_metrics_are_on_the_model_s_page_too(finished: Finished) -> None:
    (run,) = finished.mlflow_runs()
    client = finished.client()
    assert run.outputs is not None
    (output,) = run.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert "lightgbm/auc" in {metric.key for metric in logged.metrics or ()}


def test_the_report_is_small_offline_and_in_mlflow(finished: Finished) -> None:
    about = finished.latest("evaluation")
    path = Path(about["report"])
    (run,) = finished.mlflow_runs()
    client = finished.client()
    assert "report.html" in {item.path for item in client.list_artifacts(run.info.run_id)}
    logged = Path(client.download_artifacts(run.info.run_id, "report.html"))
    assert logged.read_bytes() == path.read_bytes()
    assert 10_000 < path.stat().st_size < 2_000_000
    assert not re.search(r"(src|href)=[\"']?https?://", path.read_text(encoding="utf-8"))
    assert len(about["summary"]) < 20_000


def test_the_report_says_what_was_rejected_what_is_static_and_that_time_was_travelled(
    finished: Finished,
) -> None:
    text = text_of(finished)
    with finished.box.lake() as con:
        totals = all_totals(con, finished.box.pipeline)
    weather, arrivals = totals["cleaned.weather"], totals["cleaned.arrivals"]
    assert sum(weather.rejected.values()) == 1
    assert all(reason in text for reason in weather.rejected)
    assert all(f"{count:,}" in text for count in arrivals.excluded.values())
    for table in ("cleaned.airports", "cleaned.planes", "cleaned.airlines", "features.weather"):
        assert table in text
    assert "static" in text.lower()
    record = read_record(finished.settings.tracking_uri, finished.versions()[0].run_id)
    assert f"snapshot {record.snapshot_id}" in text.lower()
    assert record.model_hash[:12] in text


@pytest.mark.slow
def test_a_report_made_later_tells_of_the_data_the_model_was_made_of(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2014-02-01T00:00:00+00:00")
    assert not mine.run("evaluation")
    before = text_of(mine)
    mine.box.edit("flights", lambda lines: lines[:-100])
    with mine.box.lake() as con:
        for name in ("raw.flights", "cleaned.arrivals"):
            build(con, mine.box.pipeline, mine.box.pipeline.node(name))
    assert not mine.run("evaluation")
    assert text_of(mine) == before


@pytest.mark.slow
def test_a_regression_goes_the_whole_way(mine: Finished) -> None:
    def in_minutes(declared: dict[str, dict[str, object]]) -> None:
        declared["label"].update(value="arrival_delay", unit="min")
        declared["model"].update(problem="regression")

    mine.box.declare(in_minutes)
    assert not mine.run()
    about = mine.latest("evaluation")
    assert about["version"] == 2
    assert about["lightgbm mae"] < about["constant mae"]
    assert 10 < about["constant mae"] < 60
    # The champion answers whether, the challenger how much: no loss compares the two.
    promotion = mine.latest("promotion")
    assert (promotion["version"], promotion["alias"]) == (2, "challenger")
    assert (
        "version 1 answers binary: arrival_delay >= 15 of cleaned.arrivals" in promotion["reason"]
    )
    assert "the question is regression: arrival_delay of cleaned.arrivals" in promotion["reason"]
    assert "min" in text_of(mine)
    version = mine.versions()[-1]
    model = load_native(mine.settings.tracking_uri, version.uri)
    assert "objective=regression_l1" in model.files["model.txt"]
    metrics = mine.mlflow_run(version.run_id).data.metrics
    assert metrics["lightgbm/mae"] == about["lightgbm mae"]
    assert np.isfinite(list(metrics.values())).all()


@pytest.mark.slow
def test_the_pipelines_own_metrics_stand_beside_the_others(mine: Finished) -> None:
    """One that needs a column the model does not use: it is read for the metric."""
    code = (
        "def early(label, score, day, carrier, plane_seats):\n"
        '    """Share that is not late."""\n'
        "    assert set(carrier) > {'WN'} and (plane_seats > 0).any() and day[0] in (0, 1)\n"
        "    return float(1 - label.mean() + 0 * score.sum())\n"
    )
    (mine.box.folder / "own.py").write_text(code, encoding="utf-8")
    mine.box.declare(lambda declared: declared["evaluation"].update(metrics=["own.py:early"]))
    assert mine.run("evaluation") == {}
    about = mine.latest("evaluation")
    share = about["constant early"]
    assert about["constant early_low"] < share < about["constant early_high"]
    assert about["lightgbm early"] == share
    text = text_of(mine)
    assert "Early" in text
    assert "Share that is not late. Larger is better." in text
