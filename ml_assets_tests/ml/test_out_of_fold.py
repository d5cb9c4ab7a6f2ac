from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.ml import boost
from ml_assets.ml import codec as codecs
from ml_assets.ml.candidates import Candidates
from ml_assets.ml.out_of_fold import FOLDS, out_of_fold
from ml_assets.ml.training_table import clusters, labels
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table

if TYPE_CHECKING:
    from ml_assets.ml.training_table import Floats

PARAMETERS = {
    "num_leaves": 7,
    "learning_rate": 0.3,
    "min_data_in_leaf": 5,
    # A category of a single day may have a say.
    "cat_smooth": 1,
    "min_data_per_group": 5,
}
ROUNDS = 20
PLANTED = 60
"""A cluster in the middle of the window."""


def scored(table: pa.Table, rounds: int = ROUNDS) -> Floats:
    candidates = Candidates(FEATURES, model_spec())
    return out_of_fold(table, lambda seen: candidates.boosted(seen, PARAMETERS, rounds))


def planted() -> pa.Table:
    """A table with one cluster whose own category, and nothing else, gives its labels away."""
    table = training_table(3000)
    own = clusters(table) == PLANTED
    carrier = np.where(own, "only on this day", np.array(table["carrier"].to_pylist(), object))
    table = replace(table, "carrier", pa.array(carrier, pa.string()))
    return replace(table, "_label", np.where(own, 1.0, labels(table)))


def test_a_cluster_is_scored_by_models_that_did_not_see_it() -> None:
    table = planted()
    own = clusters(table) == PLANTED
    spec = model_spec()
    found = scored(table)
    seen = boost.train(table, codecs.fit(table, FEATURES), PARAMETERS, ROUNDS, spec).predict(table)
    rate = labels(table)[~own].mean()
    assert own.sum() >= 15
    # A model that saw the cluster knows its category; to the others it is any unknown one.
    assert seen[own].mean() > 0.75
    assert found[own].mean() < rate + 0.2 < 0.75


@settings(max_examples=8)
@given(st.integers(0, 119))
def test_the_labels_of_a_fold_have_no_say_in_its_scores(cluster: int) -> None:
    table = training_table(1200)
    own = clusters(table)
    fold = own % FOLDS == cluster % FOLDS
    flipped = replace(table, "_label", np.where(own == cluster, 1 - labels(table), labels(table)))
    before, after = (scored(rows, 3) for rows in (table, flipped))
    assert np.array_equal(before[fold], after[fold])
    # Every other fold has learnt from them.
    for other in {*range(FOLDS)} - {cluster % FOLDS}:
        assert not np.array_equal(before[own % FOLDS == other], after[own % FOLDS == other])


def test_every_row_has_a_score_and_the_same_one_every_time() -> None:
    table = training_table(1200)
    first, second = (scored(table) for _ in range(2))
    assert len(first) == table.num_rows
    assert ((first > 0) & (first < 1)).all()
    assert np.array_equal(first, second)


def test_scores_out_of_fold_are_right_on_average_and_worse_than_in_sample() -> None:
    table = training_table(3000)
    found = scored(table, 30)
    codec = codecs.fit(table, FEATURES)
    seen = boost.train(table, codec, PARAMETERS, 30, model_spec()).predict(table)
    y = labels(table)
    assert found.mean() == pytest.approx(y.mean(), abs=0.02)

    def loss(p: Floats) -> float:
        return float(-np.log(np.where(y == 1, p, 1 - p)).mean())

    assert loss(seen) < loss(found) < loss(np.full(len(y), y.mean()))


def test_fewer_clusters_than_folds_are_refused() -> None:
    table = training_table(400)
    few = table.filter(pa.array(clusters(table) < FOLDS - 1))
    with pytest.raises(DataError, match="4 clusters are too few for 5 folds"):
        scored(few)
    with pytest.raises(DataError, match="0 clusters are too few"):
        scored(few.slice(0, 0))
