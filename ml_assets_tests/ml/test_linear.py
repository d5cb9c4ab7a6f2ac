from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, QuantileRegressor

from ml_assets.ml import design, linear
from ml_assets.ml.design import RARE
from ml_assets.ml.linear import Linear
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, replace, training_table


def test_it_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(2000, 3))
    label = (numbers @ [1, -2, 0.5] + rng.logistic(size=2000) > 0.3).astype(float)
    table = pa.table({"a": numbers[:, 0], "b": numbers[:, 1], "c": numbers[:, 2], "_label": label})
    scaled = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    wanted = LogisticRegression(C=1.0, tol=1e-8).fit(scaled, label)
    found = Linear.fit(table, ["a", "b", "c"], "binary")
    assert found.weights == pytest.approx([*wanted.intercept_, *wanted.coef_[0]], abs=1e-3)
    assert found.predict(table) == pytest.approx(wanted.predict_proba(scaled)[:, 1], abs=1e-3)


def test_the_regression_is_about_the_median_and_unmoved_by_outliers() -> None:
    rng = np.random.default_rng(0)
    number = rng.normal(size=1000)
    label = 5 + 3 * number + rng.exponential(4, size=1000)
    label[::50] = 1e5
    table = pa.table({"a": number, "_label": label})
    reference = QuantileRegressor(alpha=0).fit(number[:, None], label)
    found = Linear.fit(table, ["a"], "regression").predict(table)
    assert found == pytest.approx(reference.predict(number[:, None]), abs=0.5)


def test_weights_are_the_same_in_a_fresh_process_with_one_thread() -> None:
    script = (
        "from ml_assets.ml.linear import Linear;"
        "from ml_assets_tests.ml.data import FEATURES, training_table;"
        "print(Linear.fit(training_table(), FEATURES, 'binary').to_json())"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.strip()
    assert Linear.fit(training_table(), FEATURES, "binary").to_json() == fresh


def test_rare_and_unseen_categories_are_one_level_and_null_another() -> None:
    rows = 10 * RARE
    values = ["common"] * (rows - RARE - 20) + ["rare"] * 20 + [None] * RARE
    label = np.random.default_rng(0).integers(0, 2, rows).astype(float)
    label[-RARE:] = 1.0
    table = pa.table({"c": pa.array(values), "_label": label})
    found = Linear.fit(table, ["c"], "binary")
    assert found.design.codec.features[0].categories == ("common",)
    scores = found.predict(pa.table({"c": ["rare", "unseen", None, "common"]}))
    assert scores[0] == scores[1]
    assert scores[2] == max(scores)
    assert len(set(scores.tolist())) == 3


def test_constant_missing_and_far_numbers_do_no_harm() -> None:
    table = training_table(500)
    table = replace(table, "hour", [7] * 500)
    table = replace(table, "wind", pa.nulls(500, pa.float64()))
    found = Linear.fit(table, FEATURES, "binary")
    assert np.isfinite(found.predict(table)).all()
    far = replace(training_table(500), "wind", [1e300] * 500)
    assert np.isfinite(Linear.fit(training_table(500), FEATURES, "binary").predict(far)).all()


def test_a_null_never_seen_in_training_is_the_mean() -> None:
    table = pa.table({"a": [1.0, 2.0, 3.0, 4.0], "_label": [0.0, 0.0, 1.0, 1.0]})
    found = Linear.fit(table, ["a"], "binary")
    null, mean = (found.predict(pa.table({"a": pa.array([v], pa.float64())})) for v in (None, 2.5))
    assert null == mean


def test_categories_alone_are_enough() -> None:
    found = Linear.fit(training_table(), ["carrier"], "binary")
    assert len(set(found.predict(training_table(500)).round(9).tolist())) == 7


def test_it_is_fitted_on_a_spread_sample_and_scored_in_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = training_table()
    whole = Linear.fit(table, FEATURES, "binary")
    scores = whole.predict(table)
    monkeypatch.setattr(design, "BATCH", 333)
    assert whole.predict(table).tolist() == scores.tolist()
    monkeypatch.setattr(linear, "ROWS", 2000)
    part = Linear.fit(table, FEATURES, "binary")
    assert part != whole
    assert part.predict(table) == pytest.approx(scores, abs=0.15)
    assert labels(table).mean() == pytest.approx(part.predict(table).mean(), abs=0.03)
