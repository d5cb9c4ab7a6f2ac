"""The training table: entities with mature labels, their features, in the order of the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import read, summarise
from ml_assets_tests.shop import DAYS

if TYPE_CHECKING:
    from ml_assets_tests.sandbox import Sandbox

LATER = datetime(2025, 1, 1, tzinfo=UTC)
AMID = datetime(2024, 2, 15, 12, tzinfo=UTC)


def test_the_training_table_is_sorted_complete_and_typed(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    names = feature_names(pipeline)
    with shop_as_built.lake() as con:
        table = read(con, pipeline, LATER, names)
        paid = con.execute(
            "SELECT id, days_to_pay > 3 FROM shop.cleaned.payments ORDER BY id"
        ).fetchall()
    assert names == ["shop", "amount", "paid_week"]
    assert table.column_names == [
        "id",
        "_partition",
        "_cluster",
        "_prediction_time",
        "_label_known_at",
        "_label",
        *names,
    ]
    assert list(zip(table["id"].to_pylist(), table["_label"].to_pylist(), strict=True)) == paid
    assert {str(table.schema.field(name).type) for name in ("_label",)} == {"double"}
    assert str(table.schema.field("_cluster").type) == "date32[day]"
    assert str(table.schema.field("_prediction_time").type) == "timestamp[us, tz=UTC]"


def test_only_labels_known_by_then_are_in_it(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    with shop_as_built.lake() as con:
        table = read(con, pipeline, AMID, feature_names(pipeline))
        found = summarise(con, pipeline, AMID)
    assert max(table["_label_known_at"].to_pylist()) <= AMID
    assert table.num_rows == found.rows
    assert found.entities == 3 * 3 * DAYS == found.rows + found.without_label + found.immature
    assert found.immature > 0
    assert found.by_partition["2024-03"] == 0


def test_what_is_judged_broken_is_left_out_and_counted(shop_as_built: Sandbox) -> None:
    pipeline, broken = shop_as_built.pipeline, ["2024-02"]
    with shop_as_built.lake() as con:
        whole = summarise(con, pipeline, LATER)
        table = read(con, pipeline, LATER, feature_names(pipeline), broken=broken)
        found = summarise(con, pipeline, LATER, broken)
    assert "2024-02" not in set(table["_partition"].to_pylist())
    assert table.num_rows == found.rows == whole.rows - whole.by_partition["2024-02"]
    assert found.broken == whole.by_partition["2024-02"] > 0
    assert "2024-02" not in found.by_partition


def test_it_is_the_same_whatever_the_number_of_threads(shop_as_built: Sandbox) -> None:
    pipeline = shop_as_built.pipeline
    tables = []
    with shop_as_built.lake() as con:
        for threads in (1, 2):
            con.execute(f"SET threads = {threads}")
            tables.append(read(con, pipeline, LATER, feature_names(pipeline)))
    assert tables[0].equals(tables[1])


def test_no_label_by_then_is_an_error(shop_as_built: Sandbox) -> None:
    early = datetime(2023, 1, 1, tzinfo=UTC)
    with (
        shop_as_built.lake() as con,
        pytest.raises(DataError, match="252 entities and no label known by 2023-01-01"),
    ):
        summarise(con, shop_as_built.pipeline, early)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ["colour"]}, "model names colour, which is none"),
        ({"exclude": ["colour"]}, "model names colour, which is none"),
        ({"key_features": ["shop"]}, "model names shop, which is none"),
        ({"rate_baseline": ["colour"]}, "model names colour, which is none"),
    ],
)
def test_an_unknown_feature_is_named(
    shop: Sandbox, change: dict[str, list[str]], message: str
) -> None:
    shop.declare(lambda declared: declared["model"].update(change))
    with pytest.raises(DeclarationError, match=message):
        feature_names(shop.pipeline)


def test_excluded_features_stay_out_and_key_features_come_in(shop: Sandbox) -> None:
    shop.declare(lambda declared: declared["model"].update(exclude=["amount"], key_features=["id"]))
    assert feature_names(shop.pipeline) == ["id", "shop", "paid_week"]
