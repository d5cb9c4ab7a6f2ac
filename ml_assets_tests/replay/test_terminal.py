from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from ml_assets.replay.terminal import answer, shown_metrics, terminal_table
from ml_assets_tests.replay.periods import APRIL, MAY


def test_the_table_has_a_line_per_partition_and_the_reasons_below() -> None:
    written = StringIO()
    Console(width=160, file=written).print(terminal_table("shop", "binary", [APRIL, MAY]))
    lines = [line.rstrip() for line in written.getvalue().splitlines()]
    assert lines[0].startswith("shop: 2024-04 to 2024-05 as it would have gone")
    (april,) = [line.strip() for line in lines if "1,720" in line]
    assert april.split()[:4] == ["2024-04", "1,720", "1", "97.3%"]
    assert "0.5346 (0.510-0.560)" in april
    assert "drift, observed expected" in april
    assert april.split()[-5:] == ["retrain", "3", "goes", "live", "3"]
    (may,) = [line for line in lines if "0.0%" in line]
    assert "data quality" in may
    assert "2024-04  retrain: Calibration alarm in 2024-04: <b>1.21</b>" in lines
    assert "         gate: Mean log loss .52, the champion's .53" in lines
    assert "2024-05  blocked: Broken data: weather" in lines


def test_each_problem_shows_its_primary_metric_first() -> None:
    assert shown_metrics("binary") == ["log_loss", "auc"]
    assert shown_metrics("regression") == ["mae", "rmse"]


def test_an_answer_says_who_goes_live() -> None:
    assert answer(APRIL) == "3 goes live"
    assert answer(replace(APRIL, promoted=False)) == "stays out"
    assert answer(MAY) == ""
