from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import DataError
from ml_assets.ml.training_table import clusters, labels, require_trainable, spread
from ml_assets_tests.ml.data import replace, training_table


def test_labels_are_float64() -> None:
    table = pa.table({"_label": pa.array([0, 1], pa.int32())})
    assert labels(table).tolist() == [0.0, 1.0]


def test_a_missing_label_column_is_named() -> None:
    with pytest.raises(DataError, match="has no column _label"):
        labels(pa.table({"a": [1]}))


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_a_label_that_is_no_number_is_refused(bad: float | None) -> None:
    with pytest.raises(DataError, match=r"_label.* in 1 "):
        labels(pa.table({"_label": pa.array([0.0, bad])}))


def test_clusters_are_numbered_in_time() -> None:
    table = training_table()
    codes = clusters(table)
    assert codes.tolist() == sorted(codes)
    assert set(codes) == set(range(len(set(table["_cluster"].to_pylist()))))


def test_too_few_rows_are_counted() -> None:
    with pytest.raises(DataError, match=r"The training window has 50 rows.*minimum_rows = 1,000"):
        require_trainable(training_table(50), "binary", 1000, "training")


def test_one_class_is_named() -> None:
    table = replace(training_table(200), "_label", np.zeros(200))
    with pytest.raises(DataError, match=r"Only one class in the training window: all 200 .* are 0"):
        require_trainable(table, "binary", 10, "training")
    require_trainable(table, "regression", 10, "training")


def test_a_third_class_is_named() -> None:
    table = replace(training_table(3), "_label", [0.0, 1.0, 2.0])
    with pytest.raises(DataError, match="must be 0 or 1, but the training window holds 2"):
        require_trainable(table, "binary", 1, "training")


@pytest.mark.parametrize("most", [1, 2, 7, 10, 20])
def test_a_spread_sample_has_distinct_rows_in_order(most: int) -> None:
    taken = spread(pa.table({"row": range(10)}), most)["row"].to_pylist()
    assert taken == sorted(set(taken))
    assert len(taken) == min(most, 10)
