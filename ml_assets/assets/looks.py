"""The monitors of drift and of performance as assets, with the plots of what they found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.assets.monitors import Monitor
from ml_assets.monitors.sparklines import bars
from ml_assets.tables.looks import drift_found, performance_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.tables.findings import Found

MOVERS_HEAD = (
    "| feature | reference | now | PSI | limit | importance |\n|---|---|---|---:|---:|---:|"
)


def _drift_plot(newest: Sequence[Found]) -> dict[str, Any]:
    import dagster as dg

    for found in newest:
        if found.cause == "drift" and found.details.get("movers"):
            lines = "\n".join(
                f"| {one['feature']} | `{one['before']}` | `{one['now']}` |"
                f" {one['psi']:.3f} | {one['limit']:.3f} | {one['importance']:.1%} |"
                for one in found.details["movers"]
            )
            return {"top movers": dg.MetadataValue.md(f"{MOVERS_HEAD}\n{lines}")}
    return {}


def _performance_plot(newest: Sequence[Found]) -> dict[str, Any]:
    import dagster as dg

    for found in newest:
        if found.cause == "calibration" and found.details.get("under_predicts"):
            text = "\n".join(
                f"{name:>14} `{bars(np.array(found.details[key]), found.threshold)}`"
                for name, key in (
                    ("under-predicts", "under_predicts"),
                    ("over-predicts", "over_predicts"),
                )
            )
            head = f"CUSUM of {found.period}, the limit {found.threshold or 0:.1f} is the top:"
            return {"cusum": dg.MetadataValue.md(f"{head}\n\n{text}")}
    return {}


DRIFT = Monitor(
    "drift",
    ("drift", "prediction_drift"),
    "Which features, and whether the scores, are distributed otherwise than in the reference.",
    drift_found,
    _drift_plot,
)
PERFORMANCE = Monitor(
    "performance",
    ("calibration", "observed_expected", "performance", "estimate"),
    "What the labels that are known say of the champion, and an estimate for before they are.",
    performance_found,
    _performance_plot,
    of_probabilities=frozenset({"estimate"}),
)
