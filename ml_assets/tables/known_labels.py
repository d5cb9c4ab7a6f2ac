"""Which labels are known at a moment, and until when no more are waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.tables.label_delay import settled_until
from ml_assets.tables.training import known_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class KnownLabels:
    """The state of the labels: read once, it serves every slice of a run."""

    as_of: datetime
    counts: Mapping[str, int]
    """Known labels by partition."""
    settled: np.datetime64 | None
    """The last local day of whose entities no more labels are waited for; None before any."""

    def settled_in(self, pipeline: Pipeline, key: str | None) -> str:
        """Return the last settled day of the slice; nothing where all of it is waited for."""
        if self.settled is None or key is None:
            return str(self.settled or "")
        first, last = map(np.datetime64, pipeline.partitions.days(key))
        return "" if self.settled < first else str(min(self.settled, last))


def known_at(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> KnownLabels:
    """Return what is known of the labels at `as_of`."""
    counts = known_labels(con, pipeline, as_of)
    return KnownLabels(as_of, counts, settled_until(con, pipeline, as_of))
