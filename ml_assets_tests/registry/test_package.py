"""What `models:/flights@champion` answers is what the trained model answers, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import TrackingError
from ml_assets.ml import baselines
from ml_assets.ml.candidates import Candidates
from ml_assets.ml.custom import Recipe
from ml_assets.registry.package import (
    load_baselines,
    load_native,
    log_baselines,
    log_model,
    signature,
)
from ml_assets.registry.store import connected
from ml_assets.registry.versions import CHAMPION, register, set_alias
from ml_assets_tests.ml.data import model_spec
from ml_assets_tests.registry.conftest import FEATURES, flights_run, training_table

if TYPE_CHECKING:
    from ml_assets.ml.boost import TrainedModel

Predict = Callable[[Any], Any]
URI = "models:/flights@champion"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow on SQLAlchemy 2.1


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, model: TrainedModel) -> str:
    """A store of its own in which the model is champion."""
    tracking_uri = f"sqlite:///{tmp_path_factory.mktemp('champion')}/mlflow.db"
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
        version = register(tracking_uri, "flights", handle.run_id, uri, {})
        set_alias(tracking_uri, version, CHAMPION)
    return tracking_uri


@pytest.fixture(scope="module")
def predict(store: str) -> Iterator[Predict]:
    """The champion as a user of MLflow loads it."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    yield mlflow.pyfunc.load_model(URI).predict
    mlflow.set_tracking_uri(before)


def same(left: object, right: object) -> bool:
    """Compare float64 arrays bit for bit."""
    return np.asarray(left).tobytes() == np.asarray(right).tobytes()


texts = st.none() | st.sampled_from(["EWR", "JFK", "AA", "UA", "ZZ", "", "é"])
row = st.fixed_dictionaries(
    {
        "distance": st.none() | st.floats(allow_infinity=False, width=64),
        "seats": st.none() | st.integers(-(2**53), 2**53),
        "unknown_plane": st.none() | st.booleans(),
        "origin": texts,
        "carrier": texts,
    }
)
SCHEMA = pa.schema(
    [
        ("distance", pa.float64()),
        ("seats", pa.int64()),
        ("unknown_plane", pa.bool_()),
        ("origin", pa.string()),
        ("carrier", pa.string()),
    ]
)
STYLES: dict[str, Callable[[pa.Table], pd.DataFrame]] = {
    "pandas defaults": lambda table: table.to_pandas(),
    "Arrow types": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "nullable types": lambda table: table.to_pandas().convert_dtypes(),
    "objects": lambda table: pd.DataFrame(table.to_pydict(), dtype=object),
    "categoricals": lambda table: table.to_pandas().astype(
        {"origin": "category", "carrier": "category"}
    ),
}


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(row, min_size=1, max_size=6),
    style=st.sampled_from(sorted(STYLES)),
    order=st.permutations([*FEATURES, "tail_number"]),
)
def test_every_frame_scores_as_natively(
    model: TrainedModel,
    predict: Predict,
    rows: list[dict[str, object]],
    style: str,
    order: list[str],
) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    frame = STYLES[style](table).assign(tail_number="N1")[order]
    frame.index = pd.Index([9] * len(frame))
    assert same(predict(frame), model.predict(table))


def test_the_training_rows_score_as_natively(model: TrainedModel, predict: Predict) -> None:
    table = training_table()
    assert same(predict(table.to_pandas()), model.predict(table))


@pytest.mark.parametrize("kind", ["int8", "int64", "uint64", "float32", "bool", "Int64", "boolean"])
def test_whole_numbers_of_any_type_stand_for_floats(
    model: TrainedModel, predict: Predict, kind: str
) -> None:
    frame = training_table().to_pandas().assign(distance=1.0, seats=0.0)
    frame["unknown_plane"] = frame["unknown_plane"].astype("boolean")
    expected = model.predict(pa.Table.from_pandas(frame))
    assert same(predict(frame.astype({"distance": kind, "seats": kind})), expected)


def test_rows_may_come_as_dicts_as_a_served_model_gets_them(
    model: TrainedModel, predict: Predict
) -> None:
    rows = [{"distance": 700, "seats": None, "unknown_plane": True, "origin": "X", "carrier": "UA"}]
    assert same(predict(rows), model.predict(pa.Table.from_pylist(rows, schema=SCHEMA)))


def test_no_rows_give_no_scores(predict: Predict) -> None:
    assert predict(training_table().to_pandas().head(0)).shape == (0,)


def test_the_frame_is_left_as_it_was(predict: Predict) -> None:
    frame = training_table(50).to_pandas()
    before = frame.copy(deep=True)
    predict(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", FEATURES)
def test_a_missing_column_is_named(predict: Predict, name: str) -> None:
    with pytest.raises(Exception, match=rf"lacks the feature columns {name}\."):
        predict(training_table(5).to_pandas().drop(columns=name))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("distance", ["far", "near"], "distance is a number, but its column holds .*'far'"),
        ("origin", [1, 2], "origin is a category, but its column holds int64: 1"),
        ("distance", [1.0, float("inf")], "distance is infinite in 1 of 2 rows"),
        ("distance", pd.Series([1, "near"], dtype=object), "Feature distance mixes types"),
        ("origin", pd.Series(["EWR", 3], dtype=object), "Feature origin mixes types"),
    ],
)
def test_a_wrong_value_is_named(predict: Predict, name: str, values: object, message: str) -> None:
    frame = training_table(2).to_pandas()
    with pytest.raises(Exception, match=message):
        predict(frame.assign(**{name: values}))


def test_a_column_twice_is_named(predict: Predict) -> None:
    frame = training_table(2).to_pandas()
    with pytest.raises(Exception, match="more than once the feature columns origin"):
        predict(pd.concat([frame, frame[["origin"]]], axis=1))


def test_the_signature_is_of_doubles_and_strings_all_optional(model: TrainedModel) -> None:
    inputs = signature(model.codec).inputs.to_dict()
    assert [(one["name"], one["type"], one["required"]) for one in inputs] == [
        ("distance", "double", False),
        ("seats", "double", False),
        ("unknown_plane", "double", False),
        ("origin", "string", False),
        ("carrier", "string", False),
    ]


def test_nothing_logged_is_a_pickle(store: str) -> None:
    root = Path(store.removeprefix("sqlite:///")).parent
    # Python leaves bytecode beside code that is loaded from where it was logged.
    found = (root / "artifacts").rglob("*")
    files = [path for path in found if path.is_file() and path.parent.name != "__pycache__"]
    assert {"model.txt", "codec.json", "MLmodel"} <= {path.name for path in files}
    for path in files:
        assert path.suffix in {".txt", ".json", ".py", ".yaml", ""}, path
        assert path.read_text(encoding="utf-8") is not None
    (mlmodel,) = (path for path in files if path.name == "MLmodel")
    assert "python_model:" not in mlmodel.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_champion_loads_and_scores_where_ml_assets_is_not(
    store: str, model: TrainedModel, tmp_path: Path
) -> None:
    table = training_table(200)
    table.to_pandas().to_parquet(tmp_path / "rows.parquet")
    code = (
        "import sys; sys.modules['ml_assets'] = None; import mlflow, pandas, numpy; "
        "mlflow.set_tracking_uri(sys.argv[1]); "
        f"scores = mlflow.pyfunc.load_model('{URI}').predict(pandas.read_parquet(sys.argv[2])); "
        "numpy.save(sys.argv[3], scores)"
    )
    paths = [str(tmp_path / "rows.parquet"), str(tmp_path / "scores.npy")]
    subprocess.run([sys.executable, "-c", code, store, *paths], check=True, cwd=tmp_path)
    assert same(np.load(tmp_path / "scores.npy"), model.predict(table))


OWN = Recipe(
    "own.py",
    "import numpy as np\n"
    "def fit(label, carrier):\n"
    "    return {one or '': float(label[carrier == one].mean()) for one in ('AA', 'UA')}\n"
    "def predict(parameters, carrier, distance):\n"
    "    rate = [parameters.get(one, 0.5) for one in carrier]\n"
    "    return np.where(np.isnan(distance), 0.5, rate)\n",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "own"])
def test_a_baseline_in_the_models_place_loads_where_ml_assets_is_not(
    tracking_uri: str, name: str, tmp_path: Path
) -> None:
    table = training_table(300)
    candidates = Candidates(FEATURES, model_spec(baselines=("linear", "own.py")), [OWN])
    model = candidates.train(name, table)
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
    version = register(tracking_uri, "flights", handle.run_id, uri, {})
    back = load_native(tracking_uri, version.uri)
    assert back.model_hash == model.model_hash
    rows = tmp_path / "rows.parquet"
    table.to_pandas().to_parquet(rows)
    answers = asked(tracking_uri, version.uri, rows)
    assert same(answers, model.predict(table))
    frame = table.to_pandas().drop(columns=model.codec.names[0])
    frame.to_parquet(rows)
    with pytest.raises(subprocess.CalledProcessError) as error:
        asked(tracking_uri, version.uri, rows)
    assert f"lacks the feature columns {model.codec.names[0]}" in error.value.stderr


def asked(tracking_uri: str, uri: str, rows: Path) -> np.ndarray[Any, Any]:
    """Return what a process without ml_assets answers."""
    code = (
        "import sys; sys.modules['ml_assets'] = None; import mlflow, pandas, numpy; "
        "mlflow.set_tracking_uri(sys.argv[1]); model = mlflow.pyfunc.load_model(sys.argv[2]); "
        "numpy.save(sys.argv[4], model.predict(pandas.read_parquet(sys.argv[3])))"
    )
    scores = rows.with_name("scores.npy")
    subprocess.run(
        [sys.executable, "-c", code, tracking_uri, uri, str(rows), str(scores)],
        check=True,
        capture_output=True,
        text=True,
        cwd=rows.parent,
    )
    found: np.ndarray[Any, Any] = np.load(scores)
    return found


def test_the_native_model_comes_back_whole(store: str, model: TrainedModel) -> None:
    back = load_native(store, URI)
    assert (back.files, back.codec, back.model_hash) == (
        model.files,
        model.codec,
        model.model_hash,
    )


def test_the_baselines_come_back_as_they_were(tracking_uri: str) -> None:
    table = training_table()
    fitted = baselines.Constant.fit(table, "binary")
    with flights_run(tracking_uri) as handle:
        log_baselines(handle, [fitted])
    (back,) = load_baselines(tracking_uri, handle.run_id)
    assert (back.name, back) == (fitted.name, fitted)
    assert same(back.predict(table), fitted.predict(table))


def test_lightgbm_comes_back_as_the_rival_of_a_baseline(
    tracking_uri: str, model: TrainedModel
) -> None:
    fitted = baselines.Constant(0.5, "binary")
    with flights_run(tracking_uri) as handle:
        log_baselines(handle, [fitted, model])
    assert load_baselines(tracking_uri, handle.run_id) == [fitted, model]


def test_an_unknown_alias_is_an_error(store: str) -> None:
    with pytest.raises(TrackingError, match="none"):
        load_native(store, "models:/flights@none")


def test_a_failed_log_leaves_no_model_ready(
    tracking_uri: str, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", full)
    with pytest.raises(TrackingError, match="ran out of disk"), flights_run(tracking_uri) as handle:
        log_model(handle, model, threads=1)
    with connected(tracking_uri) as client:
        (logged,) = client.search_logged_models([handle.experiment_id])
        assert logged.status == "FAILED"
        assert client.get_run(handle.run_id).info.status == "FAILED"


def test_no_global_state_of_mlflow_is_used(
    tracking_uri: str, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
        register(tracking_uri, "flights", handle.run_id, uri, {})
    load_native(tracking_uri, "models:/flights/1")
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow"]
