"""What a slice may see: its rows and those of its lookback, in views that go when it is done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.errors import DeclarationError
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.visibility import (
    driving,
    lookahead,
    lookback,
    partitions_seen,
    slice_keys,
    visible,
)
from ml_assets_tests.sandbox import build_all, planned
from ml_assets_tests.shop import look_ahead

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox


def test_a_slice_sees_its_rows_and_those_of_its_lookback(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    node, window = pipeline.node("features.orders"), pipeline.partitions.window("2024-02")
    with shop_as_built.lake() as con, visible(con, pipeline, node, window):
        first, last = con.execute(
            "SELECT min(placed_at), max(placed_at) FROM cleaned.orders"
        ).fetchall()[0]
        columns = [row[0] for row in con.execute("DESCRIBE cleaned.orders").fetchall()]
    assert window.start - timedelta(days=14) <= first < window.start - timedelta(days=12)
    assert window.start < last < window.end
    assert columns == list(pipeline.node("cleaned.orders").types)


def test_whole_it_sees_everything(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    with (
        shop_as_built.lake() as con,
        visible(con, pipeline, pipeline.node("features.orders"), None),
    ):
        assert con.execute("SELECT count(*) FROM cleaned.orders").fetchone() == (252,)


def test_a_cleaned_select_does_not_see_the_rows_it_excludes(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    node, window = pipeline.node("cleaned.payments"), pipeline.partitions.window("2024-02")
    with shop_as_built.lake() as con:
        with visible(con, pipeline, node, window):
            assert con.execute("SELECT count(*), count(paid_at) FROM raw.orders").fetchone() == (
                67,
                67,
            )
        # The accounting asks the driving table itself.
        rows = con.execute(f"SELECT count(*) FROM ({driving(pipeline, node, window)})").fetchone()
    assert rows == (84,)


def test_the_views_are_gone_afterwards_also_after_an_error(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    node = pipeline.node("features.orders")
    with shop_as_built.lake() as con:
        with pytest.raises(ZeroDivisionError), visible(con, pipeline, node, None):
            raise ZeroDivisionError
        views = (
            "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = 'memory'"
        )
        assert con.execute(views).fetchone() == (0,)


def test_partitions_seen_reach_back_as_far_as_the_lookback(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    march = pipeline.partitions.window("2024-03")
    assert partitions_seen(pipeline, pipeline.node("features.orders"), march) == [
        "2024-02",
        "2024-03",
    ]
    assert partitions_seen(pipeline, pipeline.node("cleaned.orders"), march) == ["2024-03"]
    assert partitions_seen(pipeline, pipeline.node("cleaned.orders"), None) is None


@pytest.mark.parametrize(
    ("text", "days"), [("1 day", 1), ("2 weeks", 14), ("36 hours", 1.5), ("0 days", 0)]
)
def test_a_lookback_is_a_number_of_units(shop: Sandbox, text: str, days: float) -> None:
    shop.declare(lambda declared: declared["features"]["orders"].update(lookback=text))
    assert lookback(shop.pipeline.node("features.orders")) == timedelta(days=days)


def test_a_lookback_that_cannot_be_read_is_explained(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["features"]["orders"].update(lookback="a month"))
    with pytest.raises(DeclarationError, match=r"features\.orders.*lookback 'a month'.*30 days"):
        lookback(shop.pipeline.node("features.orders"))


@pytest.mark.parametrize(
    ("ahead", "seen", "keys"),
    [
        ("0 days", ["2024-01"], 3),
        ("29 days", ["2024-01", "2024-02"], 2),
        ("30 days", ["2024-01", "2024-02", "2024-03"], 2),
        ("60 days", ["2024-01", "2024-02", "2024-03"], 1),
        ("61 days", ["2024-01", "2024-02", "2024-03"], 0),
    ],
)
@pytest.mark.parametrize("end", ["2024-03", None])
def test_a_slice_that_looks_ahead_waits_until_that_is_over(
    shop: Sandbox,
    ahead: str,
    seen: list[str],
    keys: int,
    end: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """January ends 29 days before February does and, though clocks change, 60 before March does."""
    shop.declare(lambda declared: declared["cleaned"]["payments"].update(lookahead=ahead))
    shop.declare(lambda declared: declared["partitions"].update(end=end))
    pipeline = shop.pipeline
    node, january = pipeline.node("cleaned.payments"), pipeline.partitions.window("2024-01")
    monkeypatch.setenv(clock.NOW, "2024-04-01T00:00:00+00:00")
    assert slice_keys(pipeline, node) == pipeline.partitions.keys()[:keys]
    assert len(pipeline.partitions.keys()) == 3
    assert slice_keys(pipeline, pipeline.node("cleaned.shops")) == [None]
    if keys:
        assert partitions_seen(pipeline, node, january) == seen


def test_it_sees_as_far_ahead_as_declared_and_stores_its_own_rows(shop: Sandbox) -> None:
    look_ahead(shop)
    pipeline = shop.pipeline
    node, january = pipeline.node("cleaned.payments"), pipeline.partitions.window("2024-01")
    with shop.lake() as con:
        build_all(con, pipeline)
        assert planned(con, pipeline) == []
        with visible(con, pipeline, node, january):
            last = con.execute("SELECT max(placed_at) FROM cleaned.orders").fetchone()
        found = con.execute(
            "SELECT _partition, max(placed_at), max(last_at) FROM shop.cleaned.payments"
            " SEMI JOIN (" + labels_sql(pipeline, ["id"]) + ") USING (id) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        march = con.execute(
            "SELECT count(*) FROM shop.cleaned.payments WHERE _partition = '2024-03'"
        ).fetchone()
    # Built before the table looked ahead; today it could not be.
    assert march != (0,)
    assert last is not None
    assert timedelta(days=9) < last[0] - january.end < timedelta(days=10)
    assert [key for key, *_ in found] == ["2024-01", "2024-02"]
    for key, placed, following in found:
        assert placed < pipeline.partitions.window(key).end < following


def test_a_lookahead_is_a_length_of_time(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["cleaned"]["payments"].update(lookahead="soon"))
    with pytest.raises(DeclarationError, match=r"cleaned.payments has the lookahead 'soon'"):
        lookahead(shop.pipeline.node("cleaned.payments"))
