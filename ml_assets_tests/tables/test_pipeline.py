"""A folder that does not fit together is refused with what is wrong and what to do."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.errors import DeclarationError
from ml_assets_tests.shop import write_shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_assets_tests.sandbox import Sandbox


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """The tiny pipeline, not built."""
    return write_shop(tmp_path / "box")


def test_tables_come_after_what_they_read(box: Sandbox) -> None:
    ordered = [node.dotted for node in box.pipeline.ordered]
    for node in box.pipeline.nodes.values():
        for layer, table in node.upstream:
            assert ordered.index(f"{layer}.{table}") < ordered.index(node.dotted)
    # The contract's reference is read too, though the SELECT does not name it.
    assert ("cleaned", "shops") in box.pipeline.node("cleaned.orders").upstream


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["cleaned"].update(extra=d["cleaned"]["shops"]),
            r"cleaned\.extra is declared, but cleaned/extra\.sql does not exist",
        ),
        (lambda d: d["cleaned"].pop("shops"), r"cleaned/shops\.sql is not declared"),
        (
            lambda d: d["cleaned"]["orders"].update(key=["number"]),
            r"cleaned\.orders names the column 'number'",
        ),
        (
            lambda d: d["cleaned"]["orders"].update(rows_key=["id", "shop"]),
            r"cleaned\.orders.* 1 key columns",
        ),
        (
            lambda d: d["cleaned"]["orders"].update(rows="raw.shops"),
            r"declares rows from raw\.shops, but its SELECT does not read it",
        ),
        (
            lambda d: d["cleaned"]["payments"].update(facts=["payed_at"]),
            r"lists the fact 'payed_at', no column of raw\.orders",
        ),
        (
            lambda d: d["label"].update(table="cleaned.shops"),
            r"label comes from cleaned\.shops, which has no known_at",
        ),
        (lambda d: d["label"].update(table="cleaned.bills"), r"no table 'cleaned\.bills'"),
        (lambda d: d["raw"].pop("shops"), r"no table 'raw\.shops'"),
    ],
    ids=[
        "no file",
        "orphan",
        "key",
        "rows_key",
        "rows",
        "fact",
        "label",
        "no label",
        "no upstream",
    ],
)
def test_parts_that_do_not_fit_are_named(
    box: Sandbox, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    box.declare(change)
    with pytest.raises(DeclarationError, match=message):
        _ = box.pipeline


def test_a_circle_is_named(box: Sandbox) -> None:
    box.replace(
        "cleaned.shops",
        "FROM raw.shops",
        "FROM raw.shops WHERE shop IN (SELECT shop FROM cleaned.orders)",
    )
    with pytest.raises(DeclarationError, match=r"in a circle: .*cleaned\.orders.*cleaned\.shops"):
        _ = box.pipeline


def test_a_table_of_another_pipeline_is_refused(box: Sandbox) -> None:
    box.replace("cleaned.shops", "FROM raw.shops", "FROM raw.shops, flights.raw.airlines")
    with pytest.raises(
        DeclarationError, match=r"reads flights\.raw\.airlines, a table of another pipeline"
    ):
        _ = box.pipeline


@pytest.mark.parametrize("name", ["raw", "cleaned", "main", "temp", "system", "memory"])
def test_a_reserved_name_is_refused(box: Sandbox, name: str) -> None:
    folder = box.folder.parent / name
    shutil.copytree(box.folder, folder)
    with pytest.raises(DeclarationError, match=f"'{name}' is a reserved name"):
        load_folder(folder)


def test_the_code_version_is_of_what_is_stored(box: Sandbox) -> None:
    before = {node.dotted: node.code_version for node in box.pipeline.nodes.values()}
    box.declare(lambda d: d["cleaned"]["orders"].update(description="!", limits={"rejected": 0.5}))
    box.declare(lambda d: d["raw"]["orders"].update(description="!"))
    told = {"type": "INTEGER", "unit": "EUR", "description": "!"}
    box.declare(lambda d: d["raw"]["orders"]["columns"].update(amount=told))
    box.declare(lambda d: d["features"]["orders"].update(lookback="15 days"))
    after = {node.dotted: node.code_version for node in box.pipeline.nodes.values()}
    assert {name for name in before if before[name] != after[name]} == {"features.orders"}
