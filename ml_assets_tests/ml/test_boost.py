from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.ml import boost, codec, metrics
from ml_assets.ml.boost import TrainedModel
from ml_assets.ml.training_table import labels
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table

if TYPE_CHECKING:
    from ml_assets.ml.spec import Parameter

PARAMETERS: dict[str, Parameter] = {"num_leaves": 15, "bagging_fraction": 0.7, "learning_rate": 0.1}


def trained(
    table: pa.Table | None = None, threads: int = 2, problem: str = "binary"
) -> TrainedModel:
    rows = training_table(problem=problem) if table is None else table
    spec = model_spec(threads=threads, problem=problem)
    return boost.train(rows, codec.fit(rows, FEATURES), PARAMETERS, 20, spec)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return trained()


def test_it_learns(model: TrainedModel) -> None:
    new = training_table(seed=1)
    assert metrics.measure("binary", labels(new), model.predict(new))["auc"] > 0.7


def test_the_median_beats_the_mean_in_absolute_error() -> None:
    new = training_table(problem="regression", seed=1)
    label, score = labels(new), trained(problem="regression").predict(new)
    constant = np.full(len(label), np.median(label))
    assert metrics.mae(label, score) < 0.9 * metrics.mae(label, constant)


@pytest.mark.slow
def test_the_same_text_twice_and_in_a_fresh_process(model: TrainedModel) -> None:
    script = (
        "from ml_assets_tests.ml.test_boost import trained;"
        "import hashlib;m = trained();"
        "print(m.model_hash, hashlib.sha256(m.booster_text.encode()).hexdigest())"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()
    again = trained()
    assert again.booster_text == model.booster_text
    assert again.model_hash == model.model_hash == fresh[0]
    assert trained().booster_text == model.booster_text


def test_the_hash_covers_trees_and_codec_but_not_the_thread_count(model: TrainedModel) -> None:
    single = trained(threads=1)
    assert single.booster_text != model.booster_text
    assert single.model_hash == model.model_hash
    table = training_table()
    other = boost.train(table, model.codec, PARAMETERS, 21, model_spec())
    assert other.model_hash != model.model_hash
    renamed = codec.Codec((*model.codec.features[:-1], codec.Feature("other", "number")))
    assert TrainedModel(model.booster_text, renamed).model_hash != model.model_hash


def test_how_threads_share_the_work_does_not_change_the_trees() -> None:
    """LightGBM would bundle these columns, and its threads race where two have a value."""
    rng, rows, names = np.random.default_rng(0), 50_000, [f"part_{i}" for i in range(8)]
    owner = rng.integers(0, len(names) + 1, rows)
    parts = {}
    for number, name in enumerate(names):
        present = owner == number
        present[rng.choice(rows, 2, replace=False)] = True
        parts[name] = np.where(present, rng.normal(0, 1, rows), 0.0)
    late = np.sum(list(parts.values()), axis=0) + rng.normal(0, 1, rows) > 0.5
    table = pa.table({**parts, "_label": late.astype(float)})
    fitted = codec.fit(table, names)
    found = {
        boost.train(table, fitted, PARAMETERS, 5, model_spec(threads=threads)).model_hash
        for threads in (1, 2, 8, 16, 16)
    }
    assert len(found) == 1


def test_the_order_of_rows_is_part_of_the_training_set(model: TrainedModel) -> None:
    table = training_table()
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    assert trained(shuffled).model_hash != model.model_hash


def test_text_without_trees_has_no_hash(model: TrainedModel) -> None:
    with pytest.raises(DataError, match="has no trees"):
        _ = TrainedModel("tree", model.codec).model_hash


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shuffled_columns_and_rows_give_the_same_scores(model: TrainedModel, rng: object) -> None:
    table = training_table(200, seed=2)
    names = list(table.column_names)
    rng.shuffle(names)  # type: ignore[attr-defined]
    order = list(range(table.num_rows))
    rng.shuffle(order)  # type: ignore[attr-defined]
    scores = model.predict(table)
    assert model.predict(table.select(names).take(order)).tolist() == scores[order].tolist()


def test_unseen_categories_nulls_and_integers_are_scored(model: TrainedModel) -> None:
    table = training_table(50, seed=3)
    unseen = model.predict(replace(table, "carrier", ["ZZ"] * 50))
    assert np.isfinite(unseen).all()
    nothing = {name: pa.nulls(50) for name in FEATURES}
    assert len(set(model.predict(pa.table(nothing)).tolist())) == 1
    whole = [10] * 50
    assert (
        model.predict(replace(table, "wind", whole)).tolist()
        == model.predict(replace(table, "wind", [float(w) for w in whole])).tolist()
    )


def test_null_is_read_alike_in_training_and_in_any_way_of_prediction(model: TrainedModel) -> None:
    table = training_table(300, seed=4)
    matrix = codec.to_matrix(model.codec.encode(table))
    assert np.array_equal(np.asarray(model._booster.predict(matrix)), model.predict(table))


def test_no_rows_no_scores(model: TrainedModel) -> None:
    assert model.predict(training_table(10).slice(0, 0)).shape == (0,)


def test_a_missing_column_is_named(model: TrainedModel) -> None:
    with pytest.raises(DataError, match="lacks the feature columns wind"):
        model.predict(training_table(10).drop_columns(["wind"]))


def test_contributions_add_up_to_the_raw_score(model: TrainedModel) -> None:
    table = training_table(100, seed=5)
    total = model.contributions(table).sum(axis=1)
    assert 1 / (1 + np.exp(-total)) == pytest.approx(model.predict(table))


def test_too_few_rows_and_one_class_are_refused() -> None:
    with pytest.raises(DataError, match="has 99 rows, fewer than minimum_rows = 100"):
        trained(training_table(99))
    table = training_table(200)
    with pytest.raises(DataError, match="Only one class"):
        trained(replace(table, "_label", np.ones(200)))


def test_names_that_lightgbm_refuses_are_no_trouble() -> None:
    table = training_table()
    names = {"wind": 'wind, "[m/s]": {}', "hour": "wind_ _m_s_ ___"}
    table = table.rename_columns([names.get(n, n) for n in table.column_names])
    features = [names.get(n, n) for n in FEATURES]
    model = boost.train(table, codec.fit(table, features), PARAMETERS, 3, model_spec())
    assert model.predict(table).shape == (table.num_rows,)


def test_a_pinned_parameter_stays(model: TrainedModel) -> None:
    table = training_table()
    loose = {**PARAMETERS, "deterministic": False, "seed": 99}
    other = boost.train(table, model.codec, loose, 20, model_spec())
    assert other.model_hash == model.model_hash


def test_it_says_what_it_is(model: TrainedModel) -> None:
    assert model.description == "LightGBM with 20 trees on 4 features"
