"""One model from one split: what it may see, what it leaves out, and that it is repeatable."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_assets.errors import DataError
from ml_assets.ml import boost, split
from ml_assets.ml import codec as codecs
from ml_assets.ml.fit import Fitted, fit
from ml_assets.ml.split import Windows
from ml_assets.ml.training_table import LABEL_KNOWN_AT, PARTITION, PREDICTION_TIME
from ml_assets_tests.ml.data import FEATURES, model_spec, replace, training_table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ml_assets.ml.baselines import Predictor

WINDOWS = Windows(("2013-01", "2013-02", "2013-03"), ("2013-03",), ("2013-04",))
SCRIPT = """
import sys
from ml_assets_tests.ml.test_fit import fitted
from ml_assets_tests.ml.data import training_table
print(fitted(training_table(2000), sys.argv[1]).model.model_hash)
"""


def ignore(number: int, budget: int, value: float) -> None:
    pass


def fitted(table: pa.Table, folder: Path | str, **settings: Any) -> Fitted:  # noqa: ANN401
    spec = model_spec(threads=1, **settings)
    return fit(table, FEATURES, spec, WINDOWS, f"sqlite:///{folder}/tune.db", "study", ignore)


def inside(table: pa.Table, *partitions: str) -> np.ndarray:
    return np.isin(table[PARTITION].to_pylist(), partitions)


def flipped(table: pa.Table, *partitions: str) -> pa.Table:
    """Return `table` with the labels of some partitions turned around."""
    label = table["_label"].to_numpy()
    return replace(table, "_label", np.where(inside(table, *partitions), 1 - label, label))


def everything(found: Fitted) -> tuple[object, ...]:
    trials = [(one.parameters, one.rounds, one.value) for one in found.tuned.trials]
    return found.model.model_hash, trials, found.baselines, found.rows, found.purged


def test_the_declared_windows_are_those_of_the_spec() -> None:
    partitions = training_table(200)[PARTITION].unique().to_pylist()
    assert split.declared(partitions, model_spec().split) == WINDOWS
    assert WINDOWS.fit == ("2013-01", "2013-02")


def test_nothing_learns_from_the_test_window(tmp_path: Path) -> None:
    table = training_table(2000)
    test = inside(table, "2013-04")
    changed = flipped(table, "2013-04")
    wind = np.where(test, 1000.0, table["wind"].fill_null(0).to_numpy())
    carrier = np.where(test, "new", table["carrier"].fill_null("C0").to_numpy(zero_copy_only=False))
    changed = replace(replace(changed, "wind", wind), "carrier", carrier.tolist())
    same = replace(
        replace(table, "wind", np.where(test, 0.0, wind)),
        "carrier",
        np.where(test, "C1", carrier).tolist(),
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert everything(fitted(changed, tmp_path / "a")) == everything(fitted(same, tmp_path / "b"))


@pytest.mark.slow
def test_every_training_month_is_learned_from(tmp_path: Path) -> None:
    table = training_table(2000)
    plain = fitted(table, tmp_path)
    for month in WINDOWS.train:
        (tmp_path / month).mkdir()
        assert fitted(flipped(table, month), tmp_path / month).model.model_hash != (
            plain.model.model_hash
        )


def test_the_search_is_judged_by_the_tuning_window_alone(tmp_path: Path) -> None:
    table = training_table(2000)
    found = fitted(table, tmp_path)
    parts = split.cut(table, WINDOWS.fit, WINDOWS.tune)
    best, spec = found.tuned, model_spec()
    codec = codecs.fit(parts.before, FEATURES)
    again = boost.train(parts.before, codec, best.parameters, best.rounds, spec)
    label = parts.after["_label"].to_numpy()
    score = again.predict(parts.after)
    loss = -np.mean(label * np.log(score) + (1 - label) * np.log(1 - score))
    assert loss == pytest.approx(best.value, abs=1e-9)
    assert best.value == min(trial.value for trial in best.trials)


def test_labels_not_known_when_the_test_begins_are_left_out_and_counted(tmp_path: Path) -> None:
    table = training_table(2000)
    opening = min(np.array(table[PREDICTION_TIME].to_pylist())[inside(table, "2013-04")])
    known = np.array(table[LABEL_KNOWN_AT].to_pylist())
    march = np.flatnonzero(inside(table, "2013-03"))
    known[march[:40]] = opening + dt.timedelta(seconds=1)
    known[march[40:50]] = opening
    late = replace(table, LABEL_KNOWN_AT, known.tolist())
    train = inside(table, *WINDOWS.train)
    found = fitted(late, tmp_path)
    assert found.purged == int((train & (known > opening)).sum()) >= 40
    assert found.rows + found.purged == int(train.sum())


def test_purged_rows_teach_nothing(tmp_path: Path) -> None:
    table = training_table(2000)
    known = np.array(table[LABEL_KNOWN_AT].to_pylist())
    january = np.flatnonzero(inside(table, "2013-01"))[:50]
    known[january] = dt.datetime(2014, 1, 1, tzinfo=dt.UTC)
    late = replace(table, LABEL_KNOWN_AT, known.tolist())
    label = late["_label"].to_numpy().copy()
    label[january] = 1 - label[january]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = fitted(late, tmp_path / "a")
    second = fitted(replace(late, "_label", label), tmp_path / "b")
    assert everything(first) == everything(second)


def test_the_budget_counts_trials(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    storage = f"sqlite:///{tmp_path}/tune.db"
    spec = model_spec(threads=1)
    for _ in range(2):
        found = fit(
            training_table(2000),
            FEATURES,
            spec,
            WINDOWS,
            storage,
            "study",
            lambda number, budget, _: told.append((number, budget)),
        )
        assert len(found.tuned.trials) == spec.tuning.trials
    # The second time the study was complete.
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.slow
def test_the_same_model_comes_out_again_also_in_a_fresh_process(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    table = training_table(2000)
    first, second = fitted(table, tmp_path / "a"), fitted(table, tmp_path / "b")
    fresh = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "c")],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert everything(first) == everything(second)
    assert fresh.stdout.strip() == first.model.model_hash


def test_regression_learns_the_median(tmp_path: Path) -> None:
    table = training_table(2000, "regression")
    found = fitted(table, tmp_path, problem="regression")
    late = split.rows(table, WINDOWS.test)
    label = late["_label"].to_numpy()
    predictors: list[Predictor] = [*found.baselines, found.model]
    mae = {one.name: np.abs(label - one.predict(late)).mean() for one in predictors}
    before = split.rows(table, WINDOWS.train)["_label"].to_numpy()
    assert mae["constant"] == pytest.approx(np.abs(label - np.median(before)).mean(), rel=0.01)
    assert mae["lightgbm"] < 0.95 * mae["constant"]


def test_one_class_and_too_few_rows_are_named(tmp_path: Path) -> None:
    table = training_table(2000)
    with pytest.raises(DataError, match=r"Only one class in the fitting window: all \d+ labels"):
        fitted(replace(table, "_label", np.zeros(2000)), tmp_path)
    with pytest.raises(DataError, match=r"fewer than minimum_rows = 1,500"):
        fitted(table, tmp_path, minimum_rows=1500)
