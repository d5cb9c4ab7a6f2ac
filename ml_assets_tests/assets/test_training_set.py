"""The training set: mature labels only, from tables that are all of one code and data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets_tests.assets.running import failed, metadata, run
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    import pytest

    from ml_assets_tests.sandbox import Sandbox


def test_it_tells_what_is_in_it_and_what_is_not(shop: Sandbox) -> None:
    told = metadata(run(shop, "training_set"), "training_set")
    with shop.lake() as con:
        paid = con.execute("SELECT count(*) FROM shop.cleaned.payments").fetchone()
        snapshot = con.execute("FROM shop.current_snapshot()").fetchone()
    assert (told["dagster/row_count"],) == paid
    assert told["rows_entities"] == 252
    assert told["rows_without_label"] == 252 - int(str(told["dagster/row_count"]))
    assert told["rows_immature"] == 0
    assert (told["snapshot"],) == snapshot
    assert "| 2024-02 | 67 |" in str(told["rows by partition"])


def test_labels_that_are_not_known_yet_are_left_out(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_NOW", "2024-02-15T12:00:00+00:00")
    told = metadata(run(shop, "training_set", keys=["2024-01"]), "training_set")
    with shop.lake() as con:
        mature, later = con.execute(
            "SELECT count(*) FILTER (known_at <= '2024-02-15 12:00:00+00'), count(*)"
            " FROM shop.cleaned.payments"
        ).fetchall()[0]
    assert (told["dagster/row_count"], told["rows_immature"]) == (mature, later - mature)
    assert 67 < mature < later


def test_no_label_known_by_then_is_an_error(shop: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_NOW", "2023-12-31T00:00:00+00:00")
    message = failed(run(shop, "training_set", keys=["2024-01"]))["training_set"]
    assert "shop has 252 entities and no label known by 2023-12-31." in message


def test_a_mix_of_code_is_refused_by_name(shop: Sandbox) -> None:
    shop.replace("features.orders", "7 DAY", "6 DAY")
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("features.orders"), ["2024-03"])
    with dg.DagsterInstance.ephemeral() as instance:
        message = failed(run(shop, "training_set", instance=instance))["training_set"]
    assert "shop would train on a mix: 2 slices are not up to date." in message
    assert "- features.orders 2024-01: code changed" in message
    assert "- features.orders 2024-02: code changed" in message
    assert "2024-03" not in message
