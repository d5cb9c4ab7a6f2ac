"""The columns that the UI shows: words that read well with unit and origin, and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.assets.columns import column_schema
from ml_assets.assets.lineage import table_lineage

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox


def test_a_columns_rules_and_unit_are_shown(shop_as_built: Sandbox) -> None:
    schema = column_schema(shop_as_built.pipeline.node("cleaned.orders"), None)
    columns = {column.name: column for column in schema.columns}
    assert columns["amount"].description == "Price [EUR]."
    assert columns["amount"].constraints.other == [">= 1", "<= 1000"]
    assert columns["shop"].constraints.other == ["in cleaned.shops.shop"]
    assert columns["shop"].constraints.nullable is False


def test_a_raw_columns_words_and_unit_are_shown(shop: Sandbox) -> None:
    said = {"type": "INTEGER", "unit": "EUR", "description": "Price; as the shop says."}
    shop.declare(lambda declared: declared["raw"]["orders"]["columns"].update(amount=said))
    node = shop.pipeline.node("raw.orders")
    columns = {column.name: column for column in column_schema(node, None).columns}
    assert columns["amount"].description == "Price [EUR]; as the shop says."
    assert columns["amount"].constraints.nullable
    assert columns["shop"].description is None


@pytest.mark.parametrize(
    ("said", "unit", "shown"),
    [
        ("Price.", "EUR", "Price [EUR]."),
        ("Price", "EUR", "Price [EUR]."),
        ("Price", None, "Price."),
        ("Gust speed; empty without any.", "mph", "Gust speed [mph]; empty without any."),
        (
            "Delay; below 0 is early. 15 is late.",
            "min",
            "Delay [min]; below 0 is early. 15 is late.",
        ),
        ("Walked in 0.5 hours.", "km", "Walked in 0.5 hours [km]."),
        ("", "EUR", "[EUR]"),
        ("", None, ""),
    ],
)
def test_words_unit_and_origin_make_sentences(
    shop: Sandbox, said: str, unit: str | None, shown: str
) -> None:
    shop.declare(
        lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(
            description=said, unit=unit
        )
    )
    pipeline = shop.pipeline
    node = pipeline.node("cleaned.orders")
    schema = column_schema(node, table_lineage(pipeline)[node.name])
    (amount,) = (column for column in schema.columns if column.name == "amount")
    assert amount.description == f"{shown} From raw.orders (amount).".lstrip()
