"""What a version reads, and when it was live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.lineage.registered import Live, live, tables_read
from ml_assets.warehouse.appended import PromotionRow
from ml_assets_tests.sandbox import example

START = datetime(2013, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("features", "tables"),
    [
        (["distance"], {"schedule"}),
        (["origin", "carrier"], {"schedule"}),
        (["origin", "weather_age", "plane_age"], {"schedule", "weather", "aircraft"}),
        (["prediction_time"], {"schedule"}),
        (["declared_once"], {"schedule", "weather", "operations", "history", "aircraft"}),
    ],
)
def test_a_version_reads_the_tables_of_its_features_the_entities_and_the_label(
    features: list[str], tables: set[str]
) -> None:
    found = tables_read(load_folder(example("flights")), features)
    assert found == {"cleaned.arrivals", *(f"features.{name}" for name in tables)}


def row(hours: int, version: int, *, promoted: bool = True) -> PromotionRow:
    return PromotionRow(
        promoted_at=START + timedelta(hours=hours),
        promoted=promoted,
        from_version=None,
        to_version=version,
        reason="a test",
        decided_by="a test",
    )


def test_a_version_is_live_until_another_is_and_may_come_back() -> None:
    rows = [row(0, 1), row(1, 2, promoted=False), row(2, 3), row(3, 1)]
    moments = [one.promoted_at for one in rows]
    assert live(1, rows) == (Live(moments[0], moments[2]), Live(moments[3], None))
    assert live(2, rows) == ()
    assert live(3, rows) == (Live(moments[2], moments[3]),)
    assert live(1, []) == ()
