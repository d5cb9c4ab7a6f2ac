"""A file with `fit` and `predict` for several classes: given, checked, chosen and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.errors import DataError
from ml_assets.ml import baselines
from ml_assets.ml.candidates import Candidates
from ml_assets.ml.checked_answers import checked
from ml_assets.ml.classes import codes
from ml_assets.ml.custom import Custom, Recipe
from ml_assets.ml.fit import fit
from ml_assets.ml.model import Simple, answers, read_model
from ml_assets_tests.ml import data
from ml_assets_tests.ml.test_multiclass import CLASSES, SPEC, WINDOWS, three

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

SHARES = """
import numpy as np


def fit(label, carrier, classes):
    return {
        str(one): [float((label[carrier == one] == name).mean()) for name in classes]
        for one in set(carrier)
    }


def predict(parameters, carrier, classes):
    even = [1 / len(classes)] * len(classes)
    return np.array([parameters.get(str(one), even) for one in carrier])
"""
TOLD = """
import numpy as np


def fit(label, hour, classes):
    return [[float((label[hour % 3 == k] == name).mean()) for name in classes] for k in range(3)]


def predict(parameters, hour):
    return np.array(parameters)[(hour % 3).astype(int)]
"""
RECIPE = Recipe("shares.py", SHARES)


def test_fit_is_given_texts_and_the_classes_and_predict_answers_for_each() -> None:
    table = three()
    found = RECIPE.fit(table)
    assert found.classes == CLASSES
    score = found.predict(table)
    assert score.shape == (table.num_rows, 3)
    carrier, label = (table[name].to_numpy() for name in ("carrier", "_label"))
    for one in ("C0", None):
        own = carrier == one
        for place, name in enumerate(CLASSES):
            np.testing.assert_allclose(score[own, place], (label[own] == name).mean())


def test_it_comes_back_from_json_with_its_classes() -> None:
    table = three()
    found = RECIPE.fit(table)
    back = baselines.load(found.to_json())
    assert back == found
    np.testing.assert_array_equal(back.predict(table), found.predict(table))
    assert "classes" not in json.loads(Custom(RECIPE, "{}").to_json())


def test_classes_that_one_fold_lacks_are_columns_of_zeros() -> None:
    table = three()
    few = RECIPE.fit(table.filter(table["_label"].to_numpy() != "early"))
    assert few.classes == ("late", "on time")
    score = answers(few, table, CLASSES)
    assert not score[:, 0].any()
    np.testing.assert_allclose(score.sum(axis=1), 1)


def test_the_best_one_is_the_model_and_is_kept_as_text(tmp_path: Path) -> None:
    table = _telling(three())
    recipe = Recipe("told.py", TOLD)
    spec = replace(SPEC, baselines=("linear", "told.py"))
    storage = f"sqlite:///{tmp_path / 'study.sqlite'}"
    given = (storage, "study", lambda *_: None, [recipe])
    fitted = fit(table, data.FEATURES, spec, WINDOWS, *given)
    assert fitted.losses["told"] == min(fitted.losses.values())
    assert isinstance(fitted.model, Simple)
    assert fitted.model.name == "told"
    assert {one.name for one in fitted.baselines} == {"constant", "linear", "rate", "lightgbm"}
    back = read_model(fitted.model.files)
    np.testing.assert_array_equal(back.predict(table), fitted.model.predict(table))
    assert (back.classes, back.model_hash) == (CLASSES, fitted.model.model_hash)
    again = Candidates(data.FEATURES, spec, [recipe]).train("told", table)
    assert list(again.shares(table)) == ["hour"]


def _telling(table: pa.Table) -> pa.Table:
    """Let what is left of `hour` divided by three be the class, which no split can see."""
    large = 3 * np.random.default_rng(0).integers(0, 10_000, table.num_rows)
    return data.replace(table, "hour", large + codes(table, CLASSES).astype(int))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([0.5, 0.5], r"f.py:predict returned an array of shape \(2,\) for 2 rows"),
        (
            [[0.5, 0.5]] * 2,
            r"of shape \(2, 2\) for 2 rows.*of shape \(2, 3\).*early, late, on time",
        ),
        ("x", "f.py:predict returned str for 2 rows"),
        ([[0.2, 0.3, 0.5], [float("nan"), 0.5, 0.5]], "NaN or infinity in 1 of 2 rows"),
        ([[0.2, 0.3, 0.5], [-0.25, 0.75, 0.5]], "below 0 in 1 of 2 rows, the least -0.25"),
        ([[0.2, 0.3, 0.4], [0.2, 0.3, 0.5]], "add up to 1 in 1 of 2 rows, but for example to 0.9"),
        ([[1.0, 2.0, 3.0], [0.2, 0.3, 0.4]], "in 2 of 2 rows, but for example to 6"),
    ],
)
def test_answers_that_are_no_probabilities_are_told(found: object, said: str) -> None:
    with pytest.raises(DataError, match=f"(?s){said}"):
        checked("f.py:predict", found, 2, CLASSES)


def test_what_rounding_leaves_is_a_probability() -> None:
    third = np.full((4, 3), 1 / 3, np.float32)
    assert checked("f.py:predict", third, 4, CLASSES).dtype == np.float64


@pytest.mark.parametrize("found", [[], np.empty((0, 3))])
def test_no_rows_have_no_answers(found: object) -> None:
    assert checked("f.py:predict", found, 0, CLASSES).shape == (0, 3)
    with pytest.raises(DataError, match="for 0 rows"):
        checked("f.py:predict", [0.5], 0, CLASSES)
