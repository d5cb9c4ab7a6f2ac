from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.spec import SplitSpec
from ml_assets.ml.split import cut, declared, rows, walk_forward
from ml_assets_tests.ml.data import PARTITIONS, training_table

MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]


def test_the_declared_split_of_a_year() -> None:
    windows = declared(MONTHS[::-1], SplitSpec(test=4, tune=2))
    assert windows.train == tuple(MONTHS[:8])
    assert windows.fit == tuple(MONTHS[:6])
    assert windows.tune == ("2013-07", "2013-08")
    assert windows.test == tuple(MONTHS[8:])


def test_walking_forward_from_a_declared_month() -> None:
    spec = SplitSpec(test=4, tune=2, walk_forward_from="2013-04")
    windows = walk_forward(MONTHS, spec)
    assert [w.test for w in windows] == [(month,) for month in MONTHS[3:]]
    assert windows[0].train == tuple(MONTHS[:3])
    assert windows[0].tune == ("2013-02", "2013-03")


@given(st.sets(st.sampled_from(MONTHS)), st.integers(min_value=1, max_value=5), st.integers(1, 5))
def test_time_never_runs_backwards(months: set[str], test: int, tune: int) -> None:
    assume(len(months) > test + tune)
    spec = SplitSpec(test=test, tune=tune)
    for windows in [declared(list(months), spec), *walk_forward(list(months), spec)]:
        assert windows.fit
        assert windows.fit + windows.tune == windows.train
        assert list(windows.train + windows.test) == sorted(windows.train + windows.test)
        assert len(windows.tune) == tune
        assert set(windows.train).isdisjoint(windows.test)


@pytest.mark.parametrize("count", range(4))
def test_too_few_partitions_are_counted(count: int) -> None:
    with pytest.raises(DataError, match=f"{count} partitions are too few"):
        declared(MONTHS[:count], SplitSpec(test=2, tune=1))


def test_a_walk_from_an_unknown_partition_names_it() -> None:
    with pytest.raises(DeclarationError, match="walk_forward_from is 2014-01"):
        walk_forward(MONTHS, SplitSpec(test=1, tune=1, walk_forward_from="2014-01"))


def test_a_walk_from_too_early_is_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        walk_forward(MONTHS, SplitSpec(test=1, tune=2, walk_forward_from="2013-02"))
    with pytest.raises(DataError, match="2 partitions are too few"):
        walk_forward(MONTHS[:2], SplitSpec(test=1, tune=1))


def test_a_cut_uses_no_label_from_the_future() -> None:
    table = training_table()
    found = cut(table, PARTITIONS[:2], PARTITIONS[2:3])
    opening = min(found.after["_prediction_time"].to_pylist())
    early = rows(table, PARTITIONS[:2])
    late = [moment > opening for moment in early["_label_known_at"].to_pylist()]
    assert found.purged == sum(late) > 0
    assert found.before == early.filter(pa.array([not x for x in late]))
    assert found.after == rows(table, PARTITIONS[2:3])


def test_rows_keep_their_order() -> None:
    table = training_table()
    assert rows(table, PARTITIONS) == table
    flights = rows(table, ("2013-02",))["flight"].to_pylist()
    assert flights == sorted(flights)


def test_a_window_without_rows_is_named() -> None:
    with pytest.raises(DataError, match="No row in the partitions 2014-01"):
        cut(training_table(), PARTITIONS, ("2014-01",))


def test_a_null_moment_is_refused() -> None:
    table = training_table()
    unknown = pa.nulls(table.num_rows, pa.timestamp("us", "UTC"))
    at = table.column_names.index("_label_known_at")
    with pytest.raises(DataError, match="_label_known_at of the training table is NULL in"):
        cut(table.set_column(at, "_label_known_at", unknown), PARTITIONS[:2], PARTITIONS[2:])
