from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml_assets.errors import DataError, DeclarationError
from ml_assets.ml.spec import SplitSpec
from ml_assets.ml.split import (
    closed,
    cut,
    declared,
    newest,
    retraining,
    rows,
    settled,
    walk_forward,
)
from ml_assets_tests.ml.data import PARTITIONS, replace, training_table

MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]
ENDS = {
    "2013-01": datetime(2013, 2, 1, tzinfo=UTC),
    "2013-02": datetime(2013, 3, 1, tzinfo=UTC),
    "2013-03": datetime(2013, 4, 1, tzinfo=UTC),
    "2013-04": datetime(2013, 5, 1, tzinfo=UTC),
}


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


@pytest.mark.parametrize(
    ("count", "train", "tune", "test"),
    [(3, 2, 1, 1), (5, 4, 1, 1), (6, 4, 1, 2), (9, 6, 2, 3), (11, 8, 2, 3), (12, 8, 2, 4)],
)
def test_a_short_history_is_not_spent_on_looking_at_itself(
    count: int, train: int, tune: int, test: int
) -> None:
    windows = declared(MONTHS[:count], SplitSpec(test=4, tune=2))
    assert (len(windows.train), len(windows.tune), len(windows.test)) == (train, tune, test)


def test_a_challenger_leaves_out_only_the_newest_partitions() -> None:
    spec = SplitSpec(test=4, tune=2)
    windows = retraining(MONTHS[::-1], spec, 1, None)
    assert windows.train == tuple(MONTHS[:11])
    assert windows.tune == ("2013-10", "2013-11")
    assert windows.test == ("2013-12",)


def test_a_rolling_challenger_forgets_what_is_older() -> None:
    windows = retraining(MONTHS, SplitSpec(test=4, tune=2), 2, 4)
    assert windows.train == ("2013-07", "2013-08", "2013-09", "2013-10")
    assert windows.tune == ("2013-10",)
    assert windows.test == ("2013-11", "2013-12")


MANY = [f"2013-{number:03d}" for number in range(40)]


@given(
    count=st.integers(0, 40),
    test=st.integers(1, 30),
    tune=st.integers(1, 30),
    train=st.none() | st.integers(2, 30),
)
def test_time_never_runs_backwards(count: int, test: int, tune: int, train: int | None) -> None:
    spec = SplitSpec(test=test, tune=tune)
    assume(count >= 3)
    challenger = retraining(MANY[:count], spec, test, train)
    for windows in (declared(MANY[:count], spec), challenger):
        assert windows.fit
        assert windows.fit + windows.tune == windows.train
        used = windows.train + windows.test
        assert used == tuple(MANY[count - len(used) : count])
        assert 1 <= len(windows.tune) <= max(1, min(tune, len(windows.train) // 3))
        assert 1 <= len(windows.test) <= max(1, min(test, count // 3))
    before = count - len(challenger.test)
    assert len(challenger.train) == (before if train is None else min(train, before))


@given(st.sets(st.sampled_from(MONTHS)), st.integers(1, 5))
def test_a_walk_steps_from_partition_to_partition(months: set[str], tune: int) -> None:
    assume(len(months) > tune + 1)
    ordered = sorted(months)
    steps = walk_forward(list(months), SplitSpec(test=3, tune=tune))
    assert [windows.test for windows in steps] == [(key,) for key in ordered[tune + 1 :]]
    for windows in steps:
        assert windows.fit
        assert list(windows.train + windows.test) == ordered[: len(windows.train) + 1]
        assert len(windows.tune) == tune


def test_the_newest_partitions_are_counted_from_the_end() -> None:
    assert newest(MONTHS[::-1], 2) == ["2013-11", "2013-12"]
    assert newest(MONTHS[::-1], None) == newest(MONTHS, 99) == MONTHS


def test_a_partition_is_closed_when_its_labels_had_the_time_they_take() -> None:
    # Labels come nine hours after the prediction: 95 % of a month's before it ends.
    table = training_table()
    assert closed(table, ENDS, ENDS["2013-04"]) == list(PARTITIONS)
    assert closed(table, ENDS, ENDS["2013-04"] - timedelta(seconds=1)) == list(PARTITIONS[:3])


@pytest.mark.parametrize(("days", "open_"), [(0, 1), (27, 1), (29, 0)])
def test_labels_that_take_a_month_keep_the_newest_partition_open(days: int, open_: int) -> None:
    table, now = training_table(), ENDS["2013-04"] + timedelta(days=days)
    known = [moment + timedelta(days=30) for moment in table["_prediction_time"].to_pylist()]
    late = replace(table, "_label_known_at", pa.array(known, pa.timestamp("us", "UTC")))
    # A training set holds what is known by now only.
    mature = late.filter(pa.array([moment <= now for moment in known]))
    assert closed(mature, ENDS, now) == list(PARTITIONS[: 4 - open_])


@pytest.mark.parametrize(
    ("hours", "train"), [(9, 3), (240, 3), (29 * 24, 2), (30 * 24, 2), (62 * 24, None)]
)
def test_training_ends_with_what_is_known_when_the_test_begins(
    hours: int, train: int | None
) -> None:
    """April tests; a label of March that takes a month is known too late for it."""
    table = training_table()
    known = [moment + timedelta(hours=hours) for moment in table["_prediction_time"].to_pylist()]
    table = replace(table, "_label_known_at", pa.array(known, pa.timestamp("us", "UTC")))
    windows = declared(PARTITIONS, SplitSpec(test=1, tune=1))
    if train is None:
        with pytest.raises(DataError, match="1 partitions are too few"):
            settled(windows, table)
        return
    found = settled(windows, table)
    assert (found.train, found.test) == (PARTITIONS[:train], PARTITIONS[3:])
    assert found.tune == PARTITIONS[train - 1 : train]
    # Of what tunes most is known, of what was left out hardly anything.
    parts = cut(table, found.tune, found.test)
    assert parts.purged < rows(table, found.tune).num_rows / 2


def test_of_no_rows_nothing_is_closed() -> None:
    assert closed(training_table().slice(0, 0), ENDS, ENDS["2013-04"]) == []


@pytest.mark.parametrize("count", range(3))
def test_too_few_partitions_are_counted(count: int) -> None:
    with pytest.raises(DataError, match=f"{count} partitions are too few"):
        declared(MONTHS[:count], SplitSpec(test=2, tune=1))
    with pytest.raises(DataError, match=f"{count} partitions are too few"):
        retraining(MONTHS[:count], SplitSpec(test=2, tune=1), 1, 12)


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


def test_with_nothing_after_nothing_bounds_the_rows_before() -> None:
    table = training_table()
    found = cut(table, PARTITIONS, ())
    assert found.before.equals(rows(table, PARTITIONS))
    assert (found.after.num_rows, found.purged) == (0, 0)


def test_a_null_moment_is_refused() -> None:
    table = training_table()
    unknown = pa.nulls(table.num_rows, pa.timestamp("us", "UTC"))
    at = table.column_names.index("_label_known_at")
    with pytest.raises(DataError, match="_label_known_at of the training table is NULL in"):
        cut(table.set_column(at, "_label_known_at", unknown), PARTITIONS[:2], PARTITIONS[2:])
