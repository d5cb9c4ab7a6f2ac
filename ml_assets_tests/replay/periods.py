"""A made-up replay of two months, the second without a label of both classes."""

from __future__ import annotations

from ml_assets.ml.results import Estimate
from ml_assets.replay.table import Period

APRIL = Period(
    partition="2024-04",
    rows=1720,
    version=1,
    coverage=0.9731,
    metrics={
        "log_loss": Estimate(0.5346, 0.51, 0.56),
        "auc": Estimate(0.7102, 0.69, 0.73),
    },
    verdicts={"drift": "alarm", "observed_expected": "alarm", "estimate": "ok"},
    decision="retrain",
    reason="Calibration alarm in 2024-04: <b>1.21</b>",
    gate="Mean log loss .52, the champion's .53",
    promoted=True,
    after=3,
)
MAY = Period(
    partition="2024-05",
    rows=0,
    version=None,
    coverage=0.0,
    metrics={},
    verdicts={"data_quality": "broken"},
    decision="blocked",
    reason="Broken data: weather",
    gate="",
    promoted=False,
    after=3,
)
