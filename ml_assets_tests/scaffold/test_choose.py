from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.scaffold.choose import Said, draft_from
from ml_assets_tests.scaffold.tables import drafted, opened, write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def test_what_is_not_said_is_guessed(con: duckdb.DuckDBPyConnection, orders: str) -> None:
    draft = drafted(con, orders, Said(target="late", delay="2 days"))
    assert [column.source for column in draft.key] == ["order_id"]
    assert draft.time.source == "placed"
    assert [column.name for column in draft.features] == ["region_name", "amount"]
    assert [part.name for part in draft.made] == ["hour", "weekday"]
    assert [column.source for column in draft.outcomes] == ["late", "compensation", "delivered"]
    assert {*draft.left_out} == {"currency", "customer_id", "empty", "note"}


def test_what_is_not_said_is_asked_for_with_a_guess(
    con: duckdb.DuckDBPyConnection, orders: str
) -> None:
    asked: dict[str, str | None] = {}

    def ask(question: str, guess: str | None) -> str:
        asked[question] = guess
        return {"Which column is to be predicted?": "late"}.get(question) or guess or ""

    draft = draft_from(con, "made", opened(con, orders), Said(), ask)
    assert asked == {
        "Which column says when a row happened?": "placed",
        "Which column is to be predicted?": "amount",
        "Which value of late means yes?": "yes",
        "Which columns, separated by commas, tell one row from another?": "order_id",
        "How long after its time is late known?": "0 days",
    }
    assert (draft.target.value, draft.at_once) == ("late = 'yes'", True)


def test_what_was_said_is_not_asked_for(con: duckdb.DuckDBPyConnection, orders: str) -> None:
    def ask(question: str, guess: str | None) -> str:
        raise AssertionError(question)

    said = Said(target="amount", time="placed", key="order_id, customer_id", delay="7 days")
    draft = draft_from(con, "made", opened(con, orders), said, ask)
    assert [column.source for column in draft.key] == ["order_id", "customer_id"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Said(), r"No --target was given. .*order_id, placed, .* amount looks like one"),
        (Said(target="lat"), "--target lat: orders.csv has no such column. .*Did you mean `late`"),
        (Said(target="late", time="late"), "--time late is no time"),
        (Said(target="late", key="id"), "--key id: orders.csv has no such column"),
        (Said(target="late", delay="a week"), "--delay 'a week' is no time span"),
        (Said(target="late", zone="Berlin"), "'Berlin' is no IANA time zone"),
    ],
)
def test_what_does_not_fit_is_refused(
    con: duckdb.DuckDBPyConnection, orders: str, said: Said, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        drafted(con, orders, said)


def test_a_table_without_time_is_refused_with_the_reason(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write_orders(tmp_path / "o.csv", "* EXCLUDE (placed, delivered)")
    with pytest.raises(DataError, match=r"no column with a date or time .* trained on the past"):
        drafted(con, path, Said(target="late"))


def test_time_and_target_are_two_columns(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "d.csv", "SELECT 20240101 + range % 28 AS day, range AS n FROM range(300)"
    )
    with pytest.raises(DataError, match="--target and --time are both day"):
        drafted(con, path, Said(target="day"))


def test_a_table_without_a_feature_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write_rows(
        tmp_path / "d.csv",
        "SELECT DATE '2000-01-31' + to_months(range::INT) AS day, hash(range) % 9 AS n,"
        " 3 * n AS copy FROM range(300) WHERE range < 20 OR true",
    )
    draft = drafted(con, path, Said(target="n"))
    assert [leak.column.source for leak in draft.leaks] == ["copy"]
    path = write_rows(
        tmp_path / "e.csv",
        "SELECT DATE '2024-01-01' + (range / 150)::INT * 7 AS day, range AS id,"
        " (hash(range) % 9)::INT AS n, 3 * n AS copy FROM range(1500)",
    )
    with pytest.raises(DataError, match=r"No column of e.csv can be a feature: copy \(it tells"):
        drafted(con, path, Said(target="n"))


def test_few_missing_times_are_let_pass_and_many_are_not(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    changed = "* REPLACE (CASE WHEN order_id % 50 > 0 THEN placed END AS placed)"
    path = write_orders(tmp_path / "o.csv", changed)
    with pytest.raises(DataError, match=r"--time placed is NULL in 80 of 4,000 rows"):
        drafted(con, path, Said(target="late", time="placed"))
