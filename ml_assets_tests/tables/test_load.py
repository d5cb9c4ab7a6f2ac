"""Loading a raw table: the same thing twice changes nothing, and bad files say what is wrong."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.tables import load
from ml_assets.tables.built import SliceFaultError
from ml_assets.tables.sources import source_of
from ml_assets.warehouse import ledger
from ml_assets_tests.sandbox import build, contents, planned
from ml_assets_tests.shop import MONTHS, order

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox


def loaded(box: Sandbox) -> load.Loading:
    """Read the orders as delivered now; nothing is stored."""
    with box.lake() as con:
        return load.read_source(con, box.pipeline, box.pipeline.node("raw.orders"))


def test_loading_again_changes_nothing_but_the_load_id(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    node = pipeline.node("raw.orders")
    with shop.lake() as con:
        before, rows = (
            contents(con, pipeline),
            con.execute("FROM shop.raw.orders ORDER BY id").fetchall(),
        )
        loading = load.read_source(con, pipeline, node)
        january = pipeline.partitions.window(MONTHS[0])
        load.store_window(con, pipeline, loading, january, run_id="another", on_wait=print)
        after = con.execute("FROM shop.raw.orders ORDER BY id").fetchall()
        assert contents(con, pipeline) == before
        assert planned(con, pipeline) == []
        ids = con.execute(
            "SELECT _partition, any_value(_load_id) FROM shop.raw.orders GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert [row[:5] for row in after] == [row[:5] for row in rows]
    assert ids == [("2024-01", "another"), ("2024-02", "a run"), ("2024-03", "a run")]


def test_every_row_lies_in_the_window_of_its_partition(shop: Sandbox) -> None:
    """23:30 UTC on 31 January is February in Berlin."""
    midnight = "9001,north,5,2024-01-31 23:30:00+00,"
    shop.edit("orders", lambda lines: [*lines, midnight])
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("raw.orders"))
        row = con.execute("SELECT _partition FROM shop.raw.orders WHERE id = 9001").fetchone()
    assert row == ("2024-02",)


def test_rows_outside_the_declared_partitions_are_told(shop: Sandbox) -> None:
    shop.edit(
        "orders", lambda lines: [*lines, order(9001, "2023-12", 5), order(9002, "2024-04", 5)]
    )
    assert loaded(shop).outside == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "amount",
            "price",
            r"raw\.orders: sources/orders\.csv has no column `amount`\. It has id, shop, price,",
        ),
        (
            "id,shop",
            "shop,id",
            r"raw\.orders: column `id` of sources/orders\.csv is declared INTEGER,"
            r" but 252 of 252 values are not, such as 'north'",
        ),
    ],
    ids=["renamed", "retyped"],
)
def test_a_changed_column_is_named(shop: Sandbox, old: str, new: str, message: str) -> None:
    shop.edit("orders", lambda lines: [lines[0].replace(old, new), *lines[1:]])
    with pytest.raises(DataError, match=message):
        loaded(shop)


def test_an_added_column_is_a_warning(shop: Sandbox) -> None:
    shop.edit(
        "orders", lambda lines: [f"{lines[0]},colour", *(f"{line},red" for line in lines[1:])]
    )
    (warning,) = loaded(shop).warnings
    assert "'colour'" in warning
    assert "raw.orders" in warning


def test_text_in_a_number_column_rejects_its_row(shop: Sandbox) -> None:
    shop.edit(
        "orders", lambda lines: [lines[0], lines[1].replace("north,11", "north,eleven"), *lines[2:]]
    )
    pipeline = shop.pipeline
    with shop.lake() as con:
        built = build(con, pipeline, pipeline.node("raw.orders"))[0]
        (row,) = con.execute(
            "SELECT row, reason, _partition FROM shop.raw.orders_rejected"
        ).fetchall()
    assert (built.accounting.rows, built.accounting.kept, built.accounting.rejected) == (84, 83, 1)
    assert '"amount":"eleven"' in row[0].replace(" ", "")
    assert "amount" in row[1]
    assert row[2] == "2024-01"


def test_too_many_unreadable_rows_are_refused(shop: Sandbox) -> None:
    def spoiled(lines: list[str]) -> list[str]:
        spoil = [
            line.replace(",north,", ",north,x") if "2024-01" in line else line for line in lines
        ]
        return [lines[0], *spoil[1:]]

    shop.edit("orders", spoiled)
    pipeline = shop.pipeline
    node = pipeline.node("raw.orders")
    with shop.lake() as con:
        before = contents(con, pipeline)
        with pytest.raises(SliceFaultError) as caught:
            build(con, pipeline, node)
        assert contents(con, pipeline) == before
    assert set(caught.value.built.faults) == {"rejected_rows"}
    assert "raw.orders: 28 of 84 rows rejected (33.3%, allowed are 10.0%)" in str(caught.value)
    assert "such as x" in str(caught.value)


def test_a_row_without_a_readable_time_is_rejected_in_the_first_partition(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [*lines, "9001,north,5,yesterday,"])
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("raw.orders"))
        rows = con.execute("SELECT _partition, reason FROM shop.raw.orders_rejected").fetchall()
    assert [row[0] for row in rows] == ["2024-01"]
    assert "placed_at" in rows[0][1]


def test_a_missing_file_is_named(shop: Sandbox) -> None:
    shop.source("orders").unlink()
    with pytest.raises(DataError, match=r"orders\.csv"):
        loaded(shop)


@pytest.mark.parametrize("content", [b"", b"\n"], ids=["no bytes", "a blank line"])
def test_an_empty_file_is_named(shop: Sandbox, content: bytes) -> None:
    shop.source("orders").write_bytes(content)
    with pytest.raises(DataError, match=r"raw\.orders: .*orders\.csv.*(empty|header)"):
        loaded(shop)


def test_a_header_alone_is_a_slice_without_rows(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: lines[:1])
    pipeline = shop.pipeline
    with (
        shop.lake() as con,
        pytest.raises((SliceFaultError, DataError), match=r"raw\.orders.*no rows"),
    ):
        build(con, pipeline, pipeline.node("raw.orders"))


def test_a_truncated_zip_is_named(shop: Sandbox) -> None:
    archive = shop.sources / "orders.csv.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(shop.source("orders"), "orders.csv")
    archive.write_bytes(archive.read_bytes()[:600])
    shop.declare(lambda declared: declared["raw"]["orders"]["source"].update(path=str(archive)))
    with pytest.raises(DataError, match=r"raw\.orders: .*orders\.csv\.zip"):
        loaded(shop)


def test_the_ledger_names_what_was_loaded(shop: Sandbox) -> None:
    node = shop.pipeline.node("raw.orders")
    with shop.lake() as con:
        slices = [item for item in ledger.current(con, "shop") if item.table == "raw.orders"]
    assert [item.partition for item in slices] == list(MONTHS)
    assert {item.inputs["source"][""] for item in slices} == {source_of(node).fingerprint()}
