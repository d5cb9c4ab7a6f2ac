from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.ledger import Slice, current, history, record
from ml_assets.warehouse.snapshots import maintain

if TYPE_CHECKING:
    import duckdb

BUILT = Slice(
    table="cleaned.weather",
    partition="2013-01",
    code_version="c1",
    data_version="d1",
    inputs={"raw.weather": {"2013-01": "r1"}, "raw.airports": {"": "r2"}},
    rows_in=10,
    rows_kept=8,
    rows_rejected=2,
    reasons={"wind_speed above 200": 2},
    run_id="run",
    built_at=datetime(2013, 2, 1, tzinfo=UTC),
)


def store(con: duckdb.DuckDBPyConnection, *slices: Slice) -> None:
    for built in slices:
        commit(
            con,
            "flights",
            partial(record, con, "flights", [built]),
            message="m",
            extra={},
            on_wait=pytest.fail,
        )


def test_what_is_recorded_comes_back(lake: duckdb.DuckDBPyConnection) -> None:
    assert current(lake, "flights") == []
    store(lake, BUILT)
    [found] = current(lake, "flights")
    assert found == replace(BUILT, sequence=found.sequence)


def test_the_newest_building_of_each_slice_is_current(lake: duckdb.DuckDBPyConnection) -> None:
    other = replace(BUILT, partition="2013-02")
    earlier_clock = datetime(2012, 1, 1, tzinfo=UTC)
    store(lake, BUILT, other, replace(BUILT, code_version="c2", built_at=earlier_clock))
    found = current(lake, "flights")
    assert [(s.partition, s.code_version) for s in found] == [("2013-01", "c2"), ("2013-02", "c1")]


def test_a_table_that_became_whole_has_one_slice(lake: duckdb.DuckDBPyConnection) -> None:
    store(lake, BUILT, replace(BUILT, partition="2013-02"), replace(BUILT, partition=None))
    assert [s.partition for s in current(lake, "flights")] == [None]
    store(lake, BUILT)
    assert [s.partition for s in current(lake, "flights")] == ["2013-01"]
    store(lake, replace(BUILT, partition="2013-02"))
    assert [s.partition for s in current(lake, "flights")] == ["2013-01", "2013-02"]


def test_nothing_is_recorded_when_the_data_is_not_stored(lake: duckdb.DuckDBPyConnection) -> None:
    def work() -> None:
        record(lake, "flights", [BUILT])
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        commit(lake, "flights", work, message="m", extra={}, on_wait=pytest.fail)
    assert current(lake, "flights") == []


def test_history_has_every_building_with_its_snapshot(lake: duckdb.DuckDBPyConnection) -> None:
    assert history(lake, "flights") == []
    store(lake, BUILT, replace(BUILT, data_version="d2"))
    found = history(lake, "flights")
    assert [item.data_version for _, item in found] == ["d1", "d2"]
    # What a transaction made is there from its snapshot on, and not in the one it began with.
    assert [snapshot for snapshot, _ in found] == [item.sequence + 1 for _, item in found]
    maintain(lake, "flights", timedelta(0), on_wait=pytest.fail)
    assert history(lake, "flights") == found
