"""Any rows of the ledgers, by the functions that the assets write them with, on a real lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Literal

import duckdb
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.assets.books import Books, record
from ml_assets.warehouse.appended import (
    DecisionRow,
    PromotionRow,
    append,
    decisions,
    insert,
    promotions,
)
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.snapshots import maintain

if TYPE_CHECKING:
    from ml_assets.warehouse.settings import Settings

Row = DecisionRow | PromotionRow
THEN = datetime(2013, 5, 1, 6, 30, tzinfo=UTC)
MOMENTS = st.sampled_from([THEN, THEN + timedelta(microseconds=1)]) | st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "it's",
        'a "b"',
        "'; DROP TABLE x; --",
        "NULL",
        "\\N",
        "{}",
        "?",
        "\x00",
        "ü\n\u2028",
        "😀",
    ]
)
VERSIONS = st.integers(1, 2**31 - 1)
NUMBERS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
DECISIONS = st.builds(
    DecisionRow,
    decided_at=MOMENTS,
    event_time=st.none() | MOMENTS,
    action=TEXTS,
    cause=st.none() | TEXTS,
    reason=TEXTS,
    episode=st.none() | TEXTS,
    until=st.none() | MOMENTS,
    run_id=TEXTS,
)
PROMOTIONS = st.builds(
    PromotionRow,
    promoted_at=MOMENTS,
    promoted=st.booleans(),
    from_version=st.none() | VERSIONS,
    to_version=VERSIONS,
    reason=TEXTS,
    decided_by=TEXTS,
    numbers=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    episode=st.none() | TEXTS,
    run_id=st.none() | TEXTS,
)
ROWS = DECISIONS | PROMOTIONS


class BrokenError(Exception):
    """What a transaction is killed by."""


@dataclass(frozen=True)
class Together:
    """Rows of one transaction, which may meet a fault when `after` of them are in."""

    rows: list[Row]
    fault: Literal["none", "broken", "conflict"]
    after: int


ACTIONS = (
    ROWS
    | st.just("maintain")
    | st.builds(
        Together,
        rows=st.lists(ROWS, min_size=1, max_size=4),
        fault=st.sampled_from(["none", "broken", "conflict"]),
        after=st.integers(0, 4),
    )
)


def write(books: Books, action: Row | Together | str) -> list[Row]:
    """Do it; return the rows that must be there from now on."""
    if isinstance(action, DecisionRow):
        append(books.con, books.pipeline, action, on_wait=pytest.fail)
        return [action]
    if isinstance(action, PromotionRow):
        record(books, action)
        return [action]
    if isinstance(action, Together):
        return write_together(books, action)
    at_once = timedelta(0)
    maintain(books.con, books.pipeline, at_once, in_flight=at_once, on_wait=pytest.fail)
    return []


def write_together(books: Books, action: Together) -> list[Row]:
    """Write rows in one transaction; a conflict is met once, and then it runs again."""
    attempts = count()

    def work() -> None:
        first = next(attempts) == 0
        for number, row in enumerate([*action.rows, None]):
            if number == min(action.after, len(action.rows)) and first:
                meet(action.fault)
            if row is not None:
                insert(books.con, books.pipeline, row)

    waits: list[str] = []
    try:
        commit(books.con, books.pipeline, work, message="m", extra={}, on_wait=waits.append)
    except BrokenError:
        assert action.fault == "broken"
        return []
    assert len(waits) == (action.fault == "conflict")
    return action.rows


def meet(fault: str) -> None:
    """Raise what is met."""
    if fault == "broken":
        raise BrokenError
    if fault == "conflict":
        raise duckdb.TransactionException("Transaction conflict: another was first")


@pytest.mark.slow
def test_every_committed_row_comes_back_once_equal_and_in_order(settings: Settings) -> None:
    """Also to other readers, and after maintenance moved the rows to other files."""
    names = (f"shop_{number}" for number in count())

    @hypothesis.settings(max_examples=10)
    @given(st.lists(ACTIONS, min_size=1, max_size=6))
    def hold(actions: list[Row | Together | str]) -> None:
        name, expected = next(names), list[Row]()
        with connect(name, settings) as con:
            books = Books(pipeline=name, settings=settings, con=con, on_wait=pytest.fail)
            for action in actions:
                expected += write(books, action)
                assert_stored(con, name, expected)
        with connect(name, settings, read_only=True) as con:
            assert_stored(con, name, expected)

    hold()


def assert_stored(con: duckdb.DuckDBPyConnection, name: str, expected: list[Row]) -> None:
    """Of one event time, the row that was written first comes first."""
    decided = [row for row in expected if isinstance(row, DecisionRow)]
    assert decisions(con, name) == sorted(decided, key=lambda row: row.decided_at)
    moved = [row for row in expected if isinstance(row, PromotionRow)]
    assert promotions(con, name) == sorted(moved, key=lambda row: row.promoted_at)
