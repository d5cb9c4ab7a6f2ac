"""What a refresh rebuilds and why: after a change of code, of data, and after none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.sandbox import build, build_all, contents, planned, refresh
from ml_assets_tests.shop import MONTHS, order, write_shop

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.sandbox import Sandbox


def due(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str, dict[str, str]]:
    """Return per table the reasons by partition."""
    found: dict[str, dict[str, str]] = {}
    for step in planned(con, pipeline):
        found.setdefault(step.node.dotted, {})[step.partition or ""] = step.reason
    return found


def test_nothing_is_due_after_a_build(shop: Sandbox) -> None:
    with shop.lake() as con:
        assert due(con, shop.pipeline) == {}


def test_everything_is_due_before_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = write_shop(tmp_path / "box")
    monkeypatch.chdir(box.root)
    with box.lake() as con:
        found = due(con, box.pipeline)
    assert {reason for slices in found.values() for reason in slices.values()} == {"never built"}
    assert {table: len(slices) for table, slices in found.items()} == {
        "raw.orders": 3,
        "raw.shops": 1,
        "cleaned.shops": 1,
        "cleaned.orders": 3,
        "cleaned.payments": 3,
        "features.orders": 3,
    }


def test_a_comment_and_prose_make_nothing_stale(shop: Sandbox) -> None:
    path = shop.sql("cleaned.payments")
    path.write_text(
        "-- Said otherwise.\n" + path.read_text().replace("paid_at,\n", "paid_at,  -- here\n\n")
    )
    shop.declare(lambda declared: declared["cleaned"]["payments"].update(description="Otherwise."))
    shop.declare(
        lambda declared: declared["cleaned"]["payments"]["columns"]["id"].update(unit="no.")
    )
    with shop.lake() as con:
        assert due(con, shop.pipeline) == {}


def test_a_changed_select_makes_its_slices_and_what_reads_them_stale(shop: Sandbox) -> None:
    before = shop.pipeline.node("cleaned.payments").code_version
    shop.replace("cleaned.payments", "'day'", "'week'")
    pipeline = shop.pipeline
    node = pipeline.node("cleaned.payments")
    code = f"code changed ({before} -> {node.code_version})"
    with shop.lake() as con:
        found = due(con, pipeline)
        assert found.keys() == {"cleaned.payments", "features.orders"}
        assert found["cleaned.payments"] == dict.fromkeys(MONTHS, code)
        build(con, pipeline, node, ["2024-03"])
        assert due(con, pipeline)["cleaned.payments"] == dict.fromkeys(MONTHS[:2], code)
        refreshed = refresh(con, pipeline)
        assert due(con, pipeline) == {}
    assert refreshed[:2] == [("cleaned.payments", "2024-01"), ("cleaned.payments", "2024-02")]
    assert refreshed[2:] == [("features.orders", key) for key in MONTHS]


def test_a_changed_contract_is_changed_code(shop: Sandbox) -> None:
    shop.declare(
        lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(max=999)
    )
    with shop.lake() as con:
        found = due(con, shop.pipeline)
    assert found.keys() == {"cleaned.orders", "features.orders"}


def test_late_rows_reach_as_far_as_the_lookback(shop: Sandbox) -> None:
    """A row in January reaches February through 14 days of lookback, and March not at all."""
    shop.edit("orders", lambda lines: [*lines, order(9001, "2024-01", 28)])
    pipeline = shop.pipeline
    with shop.lake() as con:
        assert due(con, pipeline)["raw.orders"] == dict.fromkeys(MONTHS, "source changed")
        build(con, pipeline, pipeline.node("raw.orders"))
        found = due(con, pipeline)
        assert found["cleaned.orders"] == {"2024-01": "raw.orders changed (2024-01)"}
        assert found["cleaned.payments"] == {"2024-01": "raw.orders changed (2024-01)"}
        rebuilt = "cleaned.orders is rebuilt (2024-01)"
        assert found["features.orders"] == {"2024-01": rebuilt, "2024-02": rebuilt}
        refreshed = refresh(con, pipeline)
    assert sorted(refreshed) == [
        ("cleaned.orders", "2024-01"),
        ("cleaned.payments", "2024-01"),
        ("features.orders", "2024-01"),
        ("features.orders", "2024-02"),
    ]


def test_a_changed_static_table_reaches_every_slice_that_reads_it(shop: Sandbox) -> None:
    shop.edit("shops", lambda lines: [*lines, "east,Cottbus"])
    pipeline = shop.pipeline
    with shop.lake() as con:
        built = [table for table, _ in refresh(con, pipeline)]
        assert due(con, pipeline) == {}
    # The orders came out as before, so their features stay.
    assert sorted(built) == ["cleaned.orders"] * 3 + ["cleaned.shops", "raw.shops"]


@pytest.mark.slow
def test_a_refresh_gives_what_a_new_build_gives(
    shop: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [order(9001, "2024-02", 20), order(9002, "2024-03", 2)]
    shop.edit("orders", lambda lines: [*lines[:40], *lines[41:], *late])
    shop.replace("features.orders", "7 DAY", "6 DAY")
    with shop.lake() as con:
        refresh(con, shop.pipeline)
        refreshed = contents(con, shop.pipeline)
    fresh = write_shop(tmp_path / "fresh")
    fresh.replace("features.orders", "7 DAY", "6 DAY")
    fresh.source("orders").write_text(shop.source("orders").read_text())
    monkeypatch.chdir(fresh.root)
    with fresh.lake() as con:
        build_all(con, fresh.pipeline)
        assert contents(con, fresh.pipeline) == refreshed
