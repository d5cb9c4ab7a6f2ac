from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ml_assets.warehouse import appended
from ml_assets.warehouse.appended import DecisionRow, PromotionRow, ResetRow, append, insert
from ml_assets.warehouse.commit import commit

if TYPE_CHECKING:
    import duckdb

    from ml_assets.warehouse.appended import Row

THEN = datetime(2013, 5, 1, 6, 30, tzinfo=UTC)
"""Event time of a replay, long before any wall's."""
DECISION = DecisionRow(
    decided_at=THEN,
    event_time=THEN - timedelta(days=1),
    action="retrain",
    cause="calibration",
    reason='It\'s observed / expected = 1.3, ü, "outside" its band',
    episode="flights-1",
    until=THEN + timedelta(days=14),
    run_id="run",
)
QUIET = DecisionRow(
    decided_at=THEN + timedelta(days=1),
    event_time=None,
    action="hold",
    cause=None,
    reason="not enough data",
    episode=None,
    until=None,
    run_id="run 2",
)
PROMOTION = PromotionRow(
    promoted_at=THEN,
    promoted=True,
    from_version=1,
    to_version=2,
    reason="better by 3 standard errors",
    decided_by="gate",
    numbers={"overall": {"low": 0.1 + 0.2, "high": 1e-300}, "slices": ["EWR", "é"], "none": None},
    episode="flights-1",
    run_id="run",
)
FIRST = PromotionRow(
    promoted_at=THEN - timedelta(days=30),
    promoted=False,
    from_version=None,
    to_version=1,
    reason="the first version",
    decided_by="a person",
)
RESET = ResetRow(reset_at=THEN, reason="looked into it", decided_by="a person")


def store(con: duckdb.DuckDBPyConnection, *rows: Row) -> None:
    for row in rows:
        append(con, "flights", row, on_wait=pytest.fail)


def test_empty_ledgers_have_no_rows(lake: duckdb.DuckDBPyConnection) -> None:
    assert appended.decisions(lake, "flights") == []
    assert appended.promotions(lake, "flights") == []
    assert appended.resets(lake, "flights") == []


def test_what_is_appended_comes_back(lake: duckdb.DuckDBPyConnection) -> None:
    store(lake, FIRST, DECISION, PROMOTION, QUIET, RESET)
    assert appended.decisions(lake, "flights") == [DECISION, QUIET]
    assert appended.promotions(lake, "flights") == [FIRST, PROMOTION]
    assert appended.resets(lake, "flights") == [RESET]


def test_the_order_is_that_of_the_events_and_then_of_the_wall(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    early = ResetRow(reset_at=THEN - timedelta(days=9), reason="early", decided_by="x")
    again = ResetRow(reset_at=THEN, reason="again at once", decided_by="x")
    store(lake, RESET, again, early)
    assert appended.resets(lake, "flights") == [early, RESET, again]


@pytest.mark.parametrize(
    ("row", "table", "moment"),
    [
        (DECISION, "decisions", "decided_at"),
        (PROMOTION, "promotions", "promoted_at"),
        (RESET, "resets", "reset_at"),
    ],
)
def test_the_event_time_and_the_walls_are_both_stored(
    row: Row,
    table: str,
    moment: str,
    lake: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that was set has no say in the wall time."""
    monkeypatch.setenv("ML_ASSETS_NOW", THEN.isoformat())
    before = datetime.now(UTC)
    store(lake, row)
    after = datetime.now(UTC)
    [(event, wall)] = lake.execute(
        f"SELECT {moment}, wall_time FROM flights.ops.{table}"
    ).fetchall()
    assert event == THEN
    assert before <= wall <= after


def test_a_row_in_an_open_transaction_goes_with_it(lake: duckdb.DuckDBPyConnection) -> None:
    def work() -> None:
        insert(lake, "flights", DECISION)
        raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        commit(lake, "flights", work, message="m", extra={}, on_wait=pytest.fail)
    assert appended.decisions(lake, "flights") == []


def test_rows_stay_when_others_come(lake: duckdb.DuckDBPyConnection) -> None:
    for number in range(5):
        row = ResetRow(reset_at=THEN, reason=str(number), decided_by="x")
        store(lake, row)
        found = appended.resets(lake, "flights")
        assert [item.reason for item in found] == [str(n) for n in range(number + 1)]
