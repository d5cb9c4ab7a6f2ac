from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DataError
from ml_assets.ml.candidates import Candidates
from ml_assets.monitors.absences import of_days
from ml_assets.monitors.binning import Bins
from ml_assets.monitors.days import SCORE, SUMS, Days
from ml_assets.monitors.reference import Reference, make_reference
from ml_assets_tests.ml.data import FEATURES, model_spec, training_table
from ml_assets_tests.monitors.labelled import regression
from ml_assets_tests.monitors.world import world

SMALL = {"num_leaves": 7, "learning_rate": 0.2}
IMPORTANCE = {"x0": 0.1 + 0.2, "x1": 1 / 3}
BINS = {"x0": Bins(edges=(-0.1, 1e-300)), "x1": Bins(categories=("", "é", '"')), SCORE: Bins()}


def made(
    table: pa.Table, rounds: int, importance: dict[str, float], problem: str = "binary"
) -> Reference:
    candidates = Candidates(FEATURES, model_spec(problem=problem))
    return make_reference(
        table, FEATURES, problem, lambda seen: candidates.boosted(seen, SMALL, rounds), importance
    )


def assert_equal(one: Days, other: Days) -> None:
    for kind in ("histograms", "classes"):
        ours, others = getattr(one, kind), getattr(other, kind)
        assert list(ours) == list(others)
        for name, counts in ours.items():
            assert np.array_equal(counts, others[name])
            assert counts.dtype == others[name].dtype
    for name in ("dates", *SUMS):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs, equal_nan=name != "dates")


def there_and_back(days: Days) -> Reference:
    reference = Reference(days, BINS, IMPORTANCE)
    found = Reference.from_json(reference.to_json())
    assert (found.bins, found.importance) == (BINS, IMPORTANCE)
    assert found.to_json() == reference.to_json()
    return found


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_every_sum_comes_back_to_the_last_bit(values: list[float]) -> None:
    days = world(len(values), rows=3)
    changed = replace(days, score=np.array(values), labelled_loss=np.array(values[::-1]))
    assert_equal(there_and_back(changed).days, changed)


@pytest.mark.parametrize("days", [world(40, rows=50, seed=2), regression(30, seed=1)])
def test_days_come_back_exactly(days: Days) -> None:
    assert_equal(there_and_back(days).days, days)


def test_another_format_is_refused() -> None:
    values = json.loads(Reference(world(2, rows=3), BINS, IMPORTANCE).to_json())
    with pytest.raises(DataError, match="format 99, this ml_assets reads 2"):
        Reference.from_json(json.dumps({**values, "format": 99}))


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_a_reference_counts_every_row_and_label_of_the_training_window(problem: str) -> None:
    table = training_table(3000, problem)
    found = made(table, 10, {"wind": 1.0}, problem)
    days = found.days
    by_day = table.group_by("_cluster").aggregate([("_label", "sum"), ([], "count_all")])
    by_day = by_day.sort_by("_cluster")
    assert days.dates.tolist() == by_day["_cluster"].to_pylist()
    assert days.rows.tolist() == days.labelled.tolist() == by_day["count_all"].to_pylist()
    assert np.allclose(days.labelled_label, by_day["_label_sum"].to_numpy(), rtol=1e-12)
    assert set(found.bins) == set(days.histograms) == {*FEATURES, SCORE}
    for name in FEATURES:
        assert days.histograms[name][:, -1].sum() == table[name].null_count
        assert np.array_equal(days.histograms[name].sum(axis=1), days.rows)
    # The bins were cut on these very rows.
    share = days.histograms["wind"][:, :-1].sum(axis=0) / pc.count(table["wind"]).as_py()
    assert np.allclose(share, 1 / 20, atol=0.01)
    assert found.importance == {"wind": 1.0}
    assert_equal(Reference.from_json(found.to_json()).days, days)


def test_the_reference_is_the_same_every_time() -> None:
    table = training_table(1500)
    twice = [made(table, 5, {}) for _ in range(2)]
    assert twice[0].to_json() == twice[1].to_json()


def test_absences_come_back_and_what_was_written_before_them_is_read() -> None:
    days = world(20, rows=30, features=2)
    told = Reference(days, BINS, IMPORTANCE, of_days(days))
    found = Reference.from_json(told.to_json())
    assert found.to_json() == told.to_json()
    assert found.absences is not None
    assert found.absences.worst("x0", 7) == of_days(days).worst("x0", 7) > 0
    values = json.loads(told.to_json())
    old = {**values, "format": 1, "sums": {**values["sums"]}}
    del old["absences"], old["sums"]["awaited"]
    before = Reference.from_json(json.dumps(old))
    assert before.absences is None
    assert_equal(before.days, days)
