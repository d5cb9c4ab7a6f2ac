"""Half a year of parcels by the week: from April on it is the south that is late, not the north."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from ml_assets_tests.automation.sandbox import SHOP
from ml_assets_tests.sandbox import copied

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets_tests.sandbox import Sandbox

WEEKS = 20
FIRST = "2024-02-05"
"""The first week lived through; five are before it."""
CHANGED = "2024-04-01"
ORDERS = f"""
    SELECT
        range::INTEGER AS id,
        TIMESTAMPTZ '2024-01-01 12:00:00+01' + to_hours(range) AS ordered_at,
        CASE WHEN range % 50 > 0 THEN ordered_at + to_hours((30 + hash(range) % 40)::BIGINT) END
            AS delivered_at,
        ['north', 'south', 'west'][(1 + hash(range + 7) % 3)::BIGINT] AS region,
        (hash(range + 13) % 1000) / 100 AS weight,
        region = CASE WHEN ordered_at < DATE '{CHANGED}' THEN 'north' ELSE 'south' END AS bad,
        CASE WHEN range % 50 > 0 THEN bad AND hash(range + 29) % 4 > 0
            OR weight > 8 AND hash(range + 31) % 2 = 0 END AS late
    FROM range(24 * 7 * {WEEKS} - 12)
"""
"""An order per hour; most are delivered within three days, one of fifty never."""

NEW = "returned"
KIND = f"""CASE WHEN late AND ordered_at >= DATE '{CHANGED}' AND id % 4 = 0 THEN '{NEW}'
    WHEN late THEN 'late' WHEN delivered_at < ordered_at + INTERVAL 50 HOUR THEN 'quick'
    ELSE 'slow' END"""
"""Three classes, and from April on a fourth."""


def write_parcels(root: Path) -> Sandbox:
    """Write the pipeline and its orders under `root`; nothing is built."""
    box = copied(SHOP, root)
    box.declare(_by_the_week)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            f"COPY (SELECT * EXCLUDE (bad) FROM ({ORDERS})) TO '{box.source('orders')}' (HEADER)"
        )
    return box


def several(declared: dict[str, Any]) -> None:
    """Declare what becomes of a parcel as classes."""
    declared["model"]["problem"] = "multiclass"
    declared["label"]["value"] = KIND


def _by_the_week(declared: dict[str, Any]) -> None:
    declared["partitions"] = {"every": "week", "start": "2024-01-01", "end": "2024-05-13"}
    declared["model"]["split"] = {"test": 4, "tune": 1, "walk_forward_from": FIRST}
    declared["model"]["threads"] = 1
    declared["model"]["features"] = ["region", "weight"]
    declared["retraining"] = {"trigger": {"max_age_days": 56}, "cooldown_days": 14}
