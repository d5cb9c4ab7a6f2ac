"""Bad deliveries through the raw assets: each says what is wrong, and what reads them rests."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets_tests.assets.running import checks, failed, metadata, ran, run
from ml_assets_tests.sandbox import contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_assets_tests.sandbox import Sandbox


def _missing(box: Sandbox) -> None:
    box.source("orders").unlink()


def _empty(box: Sandbox) -> None:
    box.source("orders").write_bytes(b"")


def _truncated(box: Sandbox) -> None:
    archive = box.sources / "orders.csv.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(box.source("orders"), "orders.csv")
    archive.write_bytes(archive.read_bytes()[:600])
    box.declare(
        lambda declared: declared["raw"]["orders"]["source"].update(path="sources/orders.csv.zip")
    )


def _renamed(box: Sandbox) -> None:
    box.edit("orders", lambda lines: [lines[0].replace("amount", "price"), *lines[1:]])


def _retyped(box: Sandbox) -> None:
    box.edit("orders", lambda lines: [lines[0].replace("id,shop", "shop,id"), *lines[1:]])


def _texts(box: Sandbox) -> None:
    def spoiled(lines: list[str]) -> list[str]:
        spoil = [
            line.replace(",north,", ",north,x") if "2024-01" in line else line for line in lines
        ]
        return [lines[0], *spoil[1:]]

    box.edit("orders", spoiled)


@pytest.mark.parametrize(
    ("spoil", "check", "words"),
    [
        pytest.param(
            _missing, "schema", ["raw.orders", "sources/orders.csv"], marks=pytest.mark.slow
        ),
        pytest.param(
            _empty, "schema", ["raw.orders", "sources/orders.csv", "empty"], marks=pytest.mark.slow
        ),
        (_truncated, "schema", ["raw.orders", "sources/orders.csv.zip"]),
        pytest.param(
            _renamed,
            "schema",
            ["raw.orders", "has no column `amount`", "price"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            _retyped,
            "schema",
            ["raw.orders", "column `id`", "declared INTEGER", "'north'"],
            marks=pytest.mark.slow,
        ),
        (_texts, "rejected_rows", ["raw.orders: 28 of 84 rows rejected", "amount", "such as x"]),
    ],
    ids=["missing", "empty", "truncated zip", "renamed", "retyped", "texts"],
)
def test_a_bad_delivery_is_named_and_changes_nothing(
    shop: Sandbox, spoil: Callable[[Sandbox], None], check: str, words: list[str]
) -> None:
    spoil(shop)
    with shop.lake() as con:
        before = contents(con, shop.pipeline)
    result = run(shop, "raw/orders", "cleaned/orders", "features/orders")
    with shop.lake() as con:
        assert contents(con, shop.pipeline) == before
    assert ran(result) == {"raw/orders"}
    message = failed(result)["raw/orders"]
    found = checks(result, "raw/orders")[check]
    assert (found.passed, found.blocking) == (False, True)
    for word in words:
        assert word in message
        assert word in (found.description or "")


def test_an_added_column_warns_and_does_not_stop(shop: Sandbox) -> None:
    shop.edit(
        "orders", lambda lines: [f"{lines[0]},colour", *(f"{line},red" for line in lines[1:])]
    )
    result = run(shop, "raw/orders", "cleaned/orders")
    assert result.success
    found = checks(result, "raw/orders")["undeclared_columns"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "'colour'" in (found.description or "")


@pytest.mark.slow
def test_a_run_that_loads_nothing_repeats_the_verdict_of_the_last_load(shop: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        # Loaded without Dagster, as a killed run leaves it: nobody has looked yet.
        first = run(shop, "raw/shops", instance=instance, refresh=True)
        assert checks(first, "raw/shops")["undeclared_columns"].passed
        shop.edit("shops", lambda lines: [f"{line},x" for line in lines])
        assert not checks(run(shop, "raw/shops", instance=instance), "raw/shops")[
            "undeclared_columns"
        ].passed
        again = run(shop, "raw/shops", instance=instance, refresh=True)
        assert not again.get_asset_materialization_events()[0].materialization.metadata.get(
            "source"
        )
        found = checks(again, "raw/shops")["undeclared_columns"]
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "'x'" in (found.description or "")
        shop.edit("shops", lambda lines: [line.removesuffix(",x") for line in lines])
        mended = run(shop, "raw/shops", instance=instance, refresh=True)
        assert checks(mended, "raw/shops")["undeclared_columns"].passed


def test_what_a_killed_run_loaded_is_looked_at_by_the_next(shop: Sandbox) -> None:
    shop.edit("shops", lambda lines: [f"{line},x" for line in lines])
    assert run(shop, "raw/shops").success
    # Another instance knows of no verdict, as if the run had been killed before it gave one.
    result = run(shop, "raw/shops", refresh=True)
    assert not checks(result, "raw/shops")["undeclared_columns"].passed


def test_loading_tells_where_from_and_what_lies_outside(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [*lines, "9001,north,5,2023-12-05 12:00:00+00,"])
    result = run(shop, "raw/orders", keys=["2024-02"])
    told = metadata(result, "raw/orders")
    assert told["rows_outside_partitions"] == 1
    assert told["source"] == "sources/orders.csv"
    assert told["dagster/row_count"] == 252


@pytest.mark.parametrize(
    "table", ["raw/orders", pytest.param("cleaned/orders", marks=pytest.mark.slow)]
)
def test_a_full_disk_is_named_and_changes_nothing(
    shop: Sandbox, small_disk: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    shop.declare(lambda declared: declared["partitions"].update(start="2024-01", end="2024-01"))
    twin = shop.copy(small_disk / "box")
    monkeypatch.chdir(twin.root)
    for name, value in twin.environment.items():
        monkeypatch.setenv(name, value)
    with twin.lake() as con:
        before = contents(con, twin.pipeline)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    result = run(twin, table)
    message = failed(result)[table]
    filler.unlink()
    assert "disk is full" in message
    assert "Free space there" in message
    with twin.lake() as con:
        assert contents(con, twin.pipeline) == before
    assert run(twin, table).success
