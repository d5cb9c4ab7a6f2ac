"""Which features move the scores: mean absolute TreeSHAP values, or what a baseline shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.results import Importance
from ml_assets.ml.training_table import spread

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.ml.model import Model

SAMPLE = 2000
"""TreeSHAP is slow: 2,000 rows through 300 trees take some 4 seconds on two threads."""


def importance(model: Model, table: pa.Table, threads: int = 2) -> list[Importance]:
    """Return the features, most important first, over at most SAMPLE rows spread evenly."""
    sample = spread(table, SAMPLE)
    values = model.effects(sample, threads)
    shares = values / (values.sum() or 1.0)
    found = [
        Importance(name, float(value), float(share))
        for name, value, share in zip(model.codec.names, values, shares, strict=True)
    ]
    return sorted(found, key=lambda item: (-item.mean_abs_shap, item.feature))
