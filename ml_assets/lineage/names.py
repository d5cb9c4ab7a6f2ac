"""Names of slices, and of the tables that the platform makes itself."""

from __future__ import annotations

from ml_assets.tables.findings import MONITORS

SliceName = tuple[str, str | None]
"""`layer.table` and the key of the partition; None for a table that is stored whole."""

FEATURES = "features."
SCORES = "predictions.scores"
DAYS = "monitoring.days"
FINDINGS = tuple(f"monitoring.{monitor}" for monitor in MONITORS)


def told(name: SliceName) -> str:
    """Return a slice in words, such as raw.flights 2013-05."""
    table, partition = name
    return table if partition is None else f"{table} {partition}"
