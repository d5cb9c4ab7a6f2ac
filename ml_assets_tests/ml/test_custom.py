"""A file with `fit` and `predict`: what it is given, what it may return, and that it comes back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml import baselines
from ml_assets.ml.custom import Recipe
from ml_assets_tests.ml.data import replace, training_table

SIMPLE = """
import numpy as np


def fit(label, flight, wind):
    return {"mean": float(np.nanmean(wind)), "rate": float(label.mean()), "seen": [len(flight)]}


def predict(parameters, wind):
    return np.where(np.isnan(wind), parameters["rate"], wind > parameters["mean"])
"""


def changed(old: str, new: str) -> Recipe:
    assert SIMPLE.count(old) == 1
    return Recipe("simple.py", SIMPLE.replace(old, new))


def test_it_is_given_columns_by_name_and_null_as_nan() -> None:
    table = training_table(500)
    found = Recipe("simple.py", SIMPLE).fit(table)
    wind = table["wind"].to_numpy()
    assert found.parameters["mean"] == pytest.approx(np.nanmean(wind))
    assert found.parameters["seen"] == [500]
    answers = found.predict(table)
    assert answers.dtype == np.float64
    assert (answers[np.isnan(wind)] == found.parameters["rate"]).all()
    assert found.description == f"simple.py: mean {np.nanmean(wind):.4g}, rate " + (
        f"{found.parameters['rate']:.4g}"
    )


def test_texts_are_objects_with_none() -> None:
    recipe = Recipe(
        "kinds.py",
        "def fit(carrier):\n    return sorted({type(one).__name__ for one in carrier})\n"
        "def predict(parameters, carrier):\n    return [one is None for one in carrier]\n",
    )
    table = training_table(500)
    found = recipe.fit(table)
    assert found.parameters == ["NoneType", "str"]
    assert found.predict(table).sum() == table["carrier"].null_count


def test_it_comes_back_from_json_with_its_code() -> None:
    table = training_table(500)
    found = Recipe("simple.py", SIMPLE).fit(table)
    back = baselines.load(found.to_json())
    assert back == found
    assert np.array_equal(back.predict(table), found.predict(table))


def test_its_code_is_that_of_both_functions() -> None:
    code = Recipe("simple.py", SIMPLE).code
    assert changed("import numpy as np", "# A remark.\nimport numpy as np").code == code
    assert changed("wind > ", "wind >= ").code != code
    assert changed("label.mean()", "label.max()").code != code


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"mean": float(np.nanmean(wind))', '"mean": np.float32(1)', "JSON cannot hold"),
        ('"mean": float(np.nanmean(wind))', '"mean": float("nan")', "JSON cannot hold"),
        ("np.nanmean(wind)", "wind.nothing()", "simple.py:fit failed: AttributeError"),
    ],
)
def test_what_goes_wrong_in_fit_is_told(old: str, new: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        changed(old, new).fit(training_table(200))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 0.5", "returned an array of shape \\(\\) for 200 rows"),
        ("return 'x'", "returned str for 200 rows"),
        ("return wind[:3]", "an array of shape \\(3,\\)"),
        ("return parameters['none']", "simple.py:predict failed: KeyError"),
    ],
)
def test_what_goes_wrong_in_predict_is_told(body: str, said: str) -> None:
    answer = 'return np.where(np.isnan(wind), parameters["rate"], wind > parameters["mean"])'
    with pytest.raises(DataError, match=said):
        changed(answer, body).fit(training_table(200)).predict(training_table(200))


def test_a_missing_column_or_function_is_named() -> None:
    table = training_table(200)
    with pytest.raises(DataError, match="lacks the columns wind"):
        Recipe("simple.py", SIMPLE).fit(table.drop_columns(["wind"]))
    with pytest.raises(DeclarationError, match="no function 'predict'"):
        changed("def predict(", "def predicts(").takes("predict")


def test_numbers_of_any_type_are_floats() -> None:
    table = replace(training_table(200), "wind", pa.array([1] * 200, pa.int8()))
    found = changed("float(np.nanmean(wind))", "str(wind.dtype)").fit(table)
    assert found.parameters["mean"] == "float64"
