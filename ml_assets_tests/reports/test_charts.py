from __future__ import annotations

from dataclasses import replace

from ml_assets.ml.results import CalibrationBin, Curve
from ml_assets.reports import charts

from .pages import Page
from .samples import around, binary, part, regression


def test_over_time_marks_every_measured_partition_of_both() -> None:
    evaluation = binary()
    parts = [*evaluation.by_partition, part("_partition", "2014-01", 12, None)]
    found = Page(charts.over_time(replace(evaluation, by_partition=parts), "auc"))
    assert found.tags.count("circle") == 8
    assert "Nov 2013, model: 0.713 (0.693 to 0.733), 27,268 rows" in found.text
    assert "Nov 2013, best baseline: 0.688" in found.text


def test_curves_draw_the_model_last() -> None:
    found = Page(
        charts.curves(
            {"mine": Curve([0, 1], [0, 1]), "rival": Curve([0, 1], [0, 1]), "none": Curve([], [])},
            {"mine": "model", "rival": "best"},
            ("x", "y"),
            Curve([0, 1], [0, 1]),
        )
    )
    drawn = [value for name, value in found.attributes if value.startswith("line-")]
    assert drawn == ["line-best", "line-model"]


def test_calibration_shows_every_bin() -> None:
    found = Page(charts.calibration(binary()))
    assert found.tags.count("circle") == 10
    assert "Predicted 0.190, observed 0.188 (0.170 to 0.206), 11,186 rows" in found.text


def test_density_needs_three_distinct_bins() -> None:
    evaluation = binary()
    flat = [CalibrationBin(0.2, around(0.2, 0.01), 10)] * 5
    assert charts.score_density(replace(evaluation, calibration=flat)) is None
    assert charts.score_density(replace(evaluation, calibration=[])) is None
    assert charts.score_density(regression()) is not None
