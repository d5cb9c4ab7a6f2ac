"""Training refuses a mix: it names the slices, and accepts what a refresh made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import StaleError
from ml_assets.tables.freshness import require_one_version
from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger
from ml_assets_tests.sandbox import build, refresh
from ml_assets_tests.shop import order

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox


def test_fresh_tables_are_accepted(shop: Sandbox) -> None:
    with shop.lake() as con:
        require_one_version(shop.pipeline, Stored(ledger.current(con, shop.pipeline.name)))


def test_a_mix_of_code_is_refused_until_it_is_refreshed(shop: Sandbox) -> None:
    shop.replace("features.orders", "7 DAY", "6 DAY")
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("features.orders"), ["2024-02"])
        with pytest.raises(StaleError) as caught:
            require_one_version(pipeline, Stored(ledger.current(con, pipeline.name)))
        refresh(con, pipeline)
        require_one_version(pipeline, Stored(ledger.current(con, pipeline.name)))
    assert "shop would train on a mix: 2 slices are not up to date." in str(caught.value)
    assert "- features.orders 2024-01: code changed" in str(caught.value)
    assert "- features.orders 2024-03: code changed" in str(caught.value)
    assert "2024-02" not in str(caught.value)
    assert "ml-assets run shop" in caught.value.hint


def test_late_rows_that_the_features_lack_are_refused(shop: Sandbox) -> None:
    shop.edit("orders", lambda lines: [*lines, order(9001, "2024-03", 28)])
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("raw.orders"))
        with pytest.raises(StaleError, match=r"features\.orders 2024-03: cleaned\.orders is"):
            require_one_version(pipeline, Stored(ledger.current(con, pipeline.name)))


def test_a_stale_table_that_nothing_trains_on_is_no_matter(shop: Sandbox) -> None:
    """raw and cleaned shops are read by cleaned.orders; a table beside them is read by none."""

    shop.declare(
        lambda declared: declared["raw"].update(
            spare={**declared["raw"]["shops"], "description": "Spare."}
        )
    )
    with shop.lake() as con:
        require_one_version(shop.pipeline, Stored(ledger.current(con, shop.pipeline.name)))


def test_a_table_that_was_never_built_is_refused(shop: Sandbox) -> None:
    with shop.lake() as con:
        con.execute("DELETE FROM shop.ops.slices WHERE table_name = 'features.orders'")
        with pytest.raises(StaleError, match=r"features\.orders 2024-01: never built"):
            require_one_version(shop.pipeline, Stored(ledger.current(con, shop.pipeline.name)))
