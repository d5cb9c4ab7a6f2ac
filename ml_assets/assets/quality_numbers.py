"""What monitoring/data_quality tells: its verdicts in numbers, and a plot of what was missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np

from ml_assets.assets.watch_panels import missing
from ml_assets.monitors.sparklines import bars
from ml_assets.tables.quality import QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_assets.tables.findings import Found

HEAD = "| feature | missing | worst before | limit |\n|---|---:|---:|---:|"


def numbers(newest: Mapping[str, Found]) -> dict[str, Any]:
    """Return the verdicts of the newest slices, and the features nearest to their limits."""
    told: dict[str, Any] = {}
    for cause, found in newest.items():
        told |= {
            f"{cause} period": found.period,
            f"{cause} verdict": found.verdict,
            f"{cause} reason": found.reason,
        }
    quality = newest.get(QUALITY)
    if quality is not None and quality.statistic is not None and quality.threshold is not None:
        lines = "\n".join(
            f"| {one['feature']} | {one['share']:.1%} | {one['worst']:.1%} | {one['limit']:.1%} |"
            for one in quality.details["features"]
        )
        told["statistic"] = dg.MetadataValue.float(quality.statistic)
        told["threshold"] = dg.MetadataValue.float(quality.threshold)
        told["nearest to their limits"] = dg.MetadataValue.md(f"{HEAD}\n{lines}")
    return told


def plot(found: Sequence[Found]) -> dict[str, Any]:
    """Return a bar per slice: the share that is missing as a part of its limit."""
    shown = missing(found)
    if not shown:
        return {}
    heights = bars(np.array([share / limit for _, share, limit in shown]), 1.0)
    first, last = shown[0][0].period, shown[-1][0].period
    broken = [one.period for one, _, _ in shown if one.verdict == "broken"]
    text = (
        "Share without a value in the feature that comes nearest to its limit, slice by slice from"
        f" {first} to {last}; the limit is the top:\n\n`{heights}`\n\n"
        f"Beyond it: {', '.join(broken) or 'none'}."
    )
    return {"missing values": dg.MetadataValue.md(text)}
