from __future__ import annotations

import pytest

from ml_assets.ml import importance as module
from ml_assets.ml.importance import importance
from ml_assets_tests.ml.data import FEATURES, training_table
from ml_assets_tests.ml.test_boost import trained


def test_what_makes_flights_late_comes_first() -> None:
    found = importance(trained(), training_table(1000, seed=1))
    assert [item.feature for item in found[:2]] == ["wind", "carrier"]
    assert {item.feature for item in found} == set(FEATURES)
    assert sum(item.share for item in found) == pytest.approx(1)
    assert [i.mean_abs_shap for i in found] == sorted(
        (i.mean_abs_shap for i in found), reverse=True
    )


def test_a_sample_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    model, table = trained(), training_table(2000, seed=1)
    whole = {item.feature: item.share for item in importance(model, table)}
    monkeypatch.setattr(module, "SAMPLE", 500)
    part = {item.feature: item.share for item in importance(model, table)}
    assert part == pytest.approx(whole, abs=0.05)
    assert importance(model, table) == importance(model, table)
