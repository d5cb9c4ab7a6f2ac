"""Orders of half a year that turn in April: what was late in the north is late in the west."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import yaml

from ml_assets.component.folder import load_folder
from ml_assets_tests.automation.sandbox import SHOP

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.pipeline import Pipeline

ORDERS = """
    SELECT
        range::INTEGER AS id,
        TIMESTAMPTZ '2023-12-31 23:30:00+00' + to_hours(range) AS ordered_at,
        ordered_at + to_hours((2 + hash(range) % 9)::BIGINT) AS delivered_at,
        ['north', 'south', 'west'][(1 + hash(range + 7) % 3)::BIGINT] AS region,
        (hash(range + 13) % 1000) / 100 AS weight,
        hash(range + 29) % 10 < CASE
            WHEN region = if(ordered_at < TIMESTAMPTZ '2024-03-31 22:00:00+00', 'north', 'west')
            THEN 8 WHEN weight > 8 THEN 5 ELSE 1 END AS late
    FROM range(24 * 182)
"""


def write_turning(folder: Path, lookahead: str = "0 days") -> Pipeline:
    """Write the pipeline `shop` with its orders under `folder`, to be worked in.

    With a `lookahead`, deliveries can be built that much later than their month is over.
    """
    target = folder / "pipelines" / "shop"
    shutil.copytree(SHOP, target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / "defs.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["attributes"]["partitions"]["end"] = "2024-06"
    document["attributes"]["model"]["threads"] = 1
    document["attributes"]["cleaned"]["deliveries"]["lookahead"] = lookahead
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY ({ORDERS}) TO '{folder / 'orders.csv'}' (HEADER)")
    return load_folder(target)
