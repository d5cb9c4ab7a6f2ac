"""One slice: accounted for by key, checked against its contract, stored whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.tables.built import Built, SliceFaultError
from ml_assets.warehouse import ledger
from ml_assets_tests.sandbox import build, contents
from ml_assets_tests.shop import MONTHS, order

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from ml_assets_tests.sandbox import Sandbox

JANUARY = ["2024-01"]


def rebuilt(box: Sandbox, table: str, *, after: str | None = None) -> Built:
    """Build January of `table` again, and before it that of `after`."""
    pipeline = box.pipeline
    with box.lake() as con:
        if after is not None:
            build(con, pipeline, pipeline.node(after), JANUARY)
        return build(con, pipeline, pipeline.node(table), JANUARY)[0]


def refused(box: Sandbox, table: str, *, after: str | None = None) -> SliceFaultError:
    """Build January of `table` again; it must be refused and leave everything as it was."""
    pipeline = box.pipeline
    with box.lake() as con:
        if after is not None:
            build(con, pipeline, pipeline.node(after), JANUARY)
        before, recorded = contents(con, pipeline), ledger.current(con, box.name)
        with pytest.raises(SliceFaultError) as caught:
            build(con, pipeline, pipeline.node(table), JANUARY)
        assert contents(con, pipeline) == before
        assert ledger.current(con, box.name) == recorded
    return caught.value


def added(*lines: str) -> Callable[[list[str]], list[str]]:
    """Return the change that appends rows to a source."""
    return lambda rows: [*rows, *lines]


def test_excluded_rows_are_counted_by_reason(shop: Sandbox) -> None:
    accounting = rebuilt(shop, "cleaned.payments").accounting
    with shop.lake() as con:
        row = con.execute(
            "SELECT count(*), count(*) FILTER (paid_at IS NULL) FROM shop.raw.orders"
            " WHERE _partition = '2024-01'"
        ).fetchone()
    assert row == (accounting.rows, accounting.excluded["unpaid"])
    assert accounting.kept == accounting.rows - accounting.excluded["unpaid"] > 0


def test_a_duplicated_key_is_kept_once_and_counted(shop: Sandbox) -> None:
    twice = order(1, "2024-01", 1, amount=11)
    shop.edit("orders", added(twice, twice))
    accounting = rebuilt(shop, "cleaned.orders", after="raw.orders").accounting
    assert (accounting.rows, accounting.kept, accounting.duplicates) == (86, 84, 2)
    assert accounting.balance == 0


def test_a_rejected_row_lands_beside_the_table_with_its_reason(shop: Sandbox) -> None:
    shop.edit("orders", added(order(9001, "2024-01", 5, shop="nowhere", amount=5000)))
    built = rebuilt(shop, "cleaned.orders", after="raw.orders")
    reason = "shop not in cleaned.shops.shop; amount above 1000"
    assert built.accounting.reasons == {reason: 1}
    with shop.lake() as con:
        (row,) = con.execute(
            "SELECT row, reason, _partition FROM shop.cleaned.orders_rejected"
        ).fetchall()
        kept = con.execute("SELECT count(*) FROM shop.cleaned.orders WHERE id = 9001").fetchone()
    assert kept == (0,)
    assert row[1:] == (reason, "2024-01")
    assert json.loads(row[0]) == {
        "id": "9001",
        "shop": "nowhere",
        "amount": "5000",
        "placed_at": "2024-01-05 12:01:00+00",
        "known_at": "2024-01-05 12:01:00+00",
    }


def test_a_mended_row_leaves_the_rejected_ones(shop: Sandbox) -> None:
    shop.edit("orders", added(order(9001, "2024-01", 5, shop="nowhere")))
    rebuilt(shop, "cleaned.orders", after="raw.orders")
    shop.edit("shops", added("nowhere,Atlantis"))
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("raw.shops"))
        build(con, pipeline, pipeline.node("cleaned.shops"))
        accounting = build(con, pipeline, pipeline.node("cleaned.orders"), JANUARY)[0].accounting
        left = con.execute("SELECT count(*) FROM shop.cleaned.orders_rejected").fetchone()
    assert (accounting.kept, accounting.rejected, left) == (85, 0, (0,))


def test_an_inner_join_that_loses_rows_is_caught(shop: Sandbox) -> None:
    shop.replace("cleaned.orders", "FROM raw.orders", "FROM raw.orders JOIN raw.shops USING (shop)")
    shop.edit("orders", added(order(9001, "2024-01", 5, shop="nowhere")))
    error = refused(shop, "cleaned.orders", after="raw.orders")
    assert set(error.built.faults) == {"accounting"}
    assert (
        "cleaned.orders: 1 key of raw.orders neither kept, rejected nor excluded: (id=9001)"
        in str(error)
    )


def test_an_inner_join_in_a_feature_is_caught(shop: Sandbox) -> None:
    shop.replace("features.orders", "LEFT JOIN", "JOIN")
    error = refused(shop, "features.orders")
    assert set(error.built.faults) == {"accounting"}
    assert "of cleaned.orders neither kept, rejected nor excluded" in str(error)


def test_fan_out_is_caught(shop: Sandbox) -> None:
    shop.replace(
        "cleaned.orders",
        "FROM raw.orders",
        "FROM raw.orders, range(CASE id WHEN 7 THEN 2 ELSE 1 END)",
    )
    shop.replace("cleaned.orders", "(PARTITION BY id ORDER", "(PARTITION BY id, range ORDER")
    error = refused(shop, "cleaned.orders")
    assert set(error.built.faults) == {"accounting"}
    assert "cleaned.orders: 1 key of raw.orders more than once in the output: (id=7)" in str(error)


def test_an_invented_row_is_caught_unless_declared(shop: Sandbox) -> None:
    path = shop.sql("cleaned.shops")
    path.write_text(path.read_text() + "UNION ALL VALUES ('east', 'Cottbus')\n")
    pipeline = shop.pipeline
    with (
        shop.lake() as con,
        pytest.raises(SliceFaultError, match=r"1 key in the output but not.*\(shop=east\)"),
    ):
        build(con, pipeline, pipeline.node("cleaned.shops"))
    shop.declare(
        lambda declared: declared["cleaned"]["shops"].update(added={"opened": "shop = 'east'"})
    )
    pipeline = shop.pipeline
    with shop.lake() as con:
        (built,) = build(con, pipeline, pipeline.node("cleaned.shops"))
        assert con.execute("SELECT count(*) FROM shop.cleaned.shops").fetchone() == (4,)
    assert (built.accounting.rows, built.counts) == (3, {"opened": 1})


def test_too_many_rejected_rows_store_nothing(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(max=50))
    error = refused(shop, "cleaned.orders")
    assert set(error.built.faults) == {"rejected_rows"}
    rejected = error.built.accounting.rejected
    share = (
        f"cleaned.orders: {rejected} of 84 rows rejected ({rejected / 84:.1%}, allowed are 10.0%)"
    )
    assert f"{share}: amount above 50 in {rejected} rows, such as 51, 52, 53, 54, 55." in str(error)


def test_known_at_before_its_event_is_refused(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["cleaned"]["payments"].update(limits={"rejected": 1.0}))
    shop.replace("cleaned.payments", "paid_at AS known_at", "paid_at - INTERVAL 1 HOUR AS known_at")
    error = refused(shop, "cleaned.payments")
    assert set(error.built.faults) == {"known_at"}
    assert "cleaned.payments: 67 rows: known_at before paid_at." in str(error)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "shop, amount",
            "shop AS store, amount",
            "cleaned.orders.shop is missing: expected VARCHAR",
        ),
        (
            "shop, amount",
            "shop, amount::VARCHAR AS amount",
            "cleaned.orders.amount is retyped: expected INTEGER, found VARCHAR",
        ),
        (
            "shop, amount",
            "shop, amount, 1 AS extra",
            "cleaned.orders.extra is unexpected: expected no such column, found INTEGER",
        ),
    ],
    ids=["renamed", "retyped", "added"],
)
def test_a_column_that_is_not_as_declared_is_refused(
    shop: Sandbox, old: str, new: str, message: str
) -> None:
    shop.replace("cleaned.orders", old, new)
    error = refused(shop, "cleaned.orders")
    assert set(error.built.faults) == {"schema"}
    assert message in str(error)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("amount,", "amuont AS amount,", r"cleaned/orders\.sql cannot run.*amuont"),
        (
            "shop, amount,",
            "shop, shop::INTEGER AS amount,",
            r"(?s)cleaned\.orders: a value cannot be converted.*shop::INTEGER",
        ),
    ],
    ids=["unknown column", "text as number"],
)
def test_a_select_that_cannot_run_says_why(shop: Sandbox, old: str, new: str, message: str) -> None:
    if "shop::" in new:
        shop.replace("cleaned.orders", old, new)
    else:
        shop.replace("cleaned.orders", f"shop, {old}", f"shop, {new}")
    with pytest.raises(DataError, match=message):
        rebuilt(shop, "cleaned.orders")


def test_a_volume_far_off_is_refused(shop: Sandbox) -> None:
    def thinned(lines: list[str]) -> list[str]:
        return [
            lines[0],
            *(line for line in lines[1:] if "2024-01" not in line or ",west," in line),
        ]

    shop.edit("orders", thinned)
    error = refused(shop, "raw.orders")
    assert set(error.built.faults) == {"volume"}
    message = (
        "raw.orders 2024-01: 28 rows, while its other slices have 84 (median);"
        " allowed are 0.5 to 2 times as many."
    )
    assert message in str(error)


def test_a_slice_without_rows_is_refused(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [line for line in lines if "2024-01" not in line])
    assert "raw.orders 2024-01: no rows at all." in str(refused(shop, "raw.orders"))


def test_a_fault_in_a_later_slice_leaves_the_earlier_ones(shop: Sandbox) -> None:
    """One transaction per slice: what was stored before the broken one stays."""
    shop.declare(lambda declared: declared["cleaned"]["orders"].update(limits={"rejected": 0.0}))
    shop.edit("orders", added(order(9001, "2024-02", 5, amount=5000)))
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("raw.orders"))
        before = sequences(con)
        with pytest.raises(SliceFaultError, match="2024-02 breaks its contract"):
            build(con, pipeline, pipeline.node("cleaned.orders"))
        after = sequences(con)
    assert [after[key] > before[key] for key in MONTHS] == [True, False, False]


def sequences(con: DuckDBPyConnection) -> dict[str | None, int]:
    """Return when each slice of cleaned.orders was built."""
    slices = ledger.current(con, "shop")
    return {item.partition: item.sequence for item in slices if item.table == "cleaned.orders"}


def test_declared_counts_are_told_and_kept(shop: Sandbox) -> None:
    counts = rebuilt(shop, "cleaned.orders").counts
    with shop.lake() as con:
        row = con.execute(
            "SELECT count(*) FROM shop.raw.orders WHERE amount > 90 AND _partition = '2024-01'"
        ).fetchone()
        (item,) = [
            one
            for one in ledger.current(con, "shop")
            if (one.table, one.partition) == ("cleaned.orders", "2024-01")
        ]
    assert row == (counts["large"],)
    assert item.counts == counts
    assert counts["large"] > 0
