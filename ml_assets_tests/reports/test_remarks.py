from __future__ import annotations

from dataclasses import replace

import pytest

from ml_assets.ml.results import Estimate, Evaluation, SliceResult
from ml_assets.reports.remarks import remarks

from .samples import around, binary, part, regression


def spoken(evaluation: Evaluation) -> str:
    return " ".join(remarks(evaluation))


def with_metric(evaluation: Evaluation, key: str, value: Estimate) -> Evaluation:
    model = evaluation.candidates[0]
    changed = replace(model, metrics=model.metrics | {key: value})
    return replace(evaluation, candidates=[changed, *evaluation.candidates[1:]])


def test_other_metrics_say_who_is_ahead() -> None:
    assert "is also ahead on AUC (0.755 against 0.727 of linear)" in spoken(binary())
    trailing = spoken(with_metric(binary(), "auc", around(0.7, 0.01)))
    assert "is behind on AUC (0.700 against 0.727 of linear)" in trailing
    assert "also ahead on AUC" not in trailing


def test_a_tie_is_neither() -> None:
    assert "AUC (" not in spoken(with_metric(binary(), "auc", around(0.727, 0.01)))


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(0.98, "agrees with\u00a01"), (1.2, "promises too little"), (0.8, "promises too much")],
)
def test_calibration_is_read_off_the_interval(ratio: float, words: str) -> None:
    assert words in spoken(with_metric(binary(), "observed_expected", around(ratio, 0.04)))


def test_range_over_time_names_the_partitions() -> None:
    assert "between 0.713 (Nov 2013) and 0.756 (Sep 2013)" in spoken(binary())
    assert "Over time" not in spoken(regression())
    days = [
        replace(regression().by_partition[0], value="2013-12-01"),
        SliceResult("_partition", "2013-12-02", 900, None, {"mae": around(30.0, 2.0)}),
    ]
    text = spoken(replace(regression(), by_partition=days))
    assert "between 23.0 min (1 Dec 2013) and 30.0 min (2 Dec 2013)" in text


@pytest.mark.parametrize(("overall", "above"), [(0.757, True), (0.756, False), (0.73, False)])
def test_a_ranking_above_every_partitions_is_explained(overall: float, above: bool) -> None:
    text = spoken(with_metric(binary(), "auc", around(overall, 0.01)))
    assert ("Over all rows at once it is 0.757, above every partition's" in text) is above


def sliced(*gains: Estimate) -> Evaluation:
    parts = [
        SliceResult("carrier", f"C{i}", 900, 90, {"gain": gain}) for i, gain in enumerate(gains)
    ]
    return replace(binary(), by_slice=[*parts, part("carrier", "OO", 29, None)])


def test_slices_the_baseline_wins_are_named() -> None:
    good, unsure, bad = around(0.02, 0.01), around(-0.005, 0.01), around(-0.02, 0.01)
    assert "in all 2 measured slices" in spoken(sliced(good, good))
    text = spoken(sliced(good, unsure))
    assert "In 1 of 2 measured slices" in text
    assert "(carrier C1), in none of them" in text
    text = spoken(sliced(good, unsure, bad))
    assert "In 2 of 3 measured slices" in text
    assert "with zero outside the interval in carrier C2." in text


def test_a_long_list_of_slices_is_shortened() -> None:
    assert "and 15 more" in spoken(sliced(*[around(-0.02, 0.01)] * 20))


def test_few_days_call_for_caution() -> None:
    assert "only 12 days" in spoken(replace(binary(), clusters=12))
    assert "only" not in spoken(binary())
