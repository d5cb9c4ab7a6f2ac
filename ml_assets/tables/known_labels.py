"""Which labels are known at a moment, and until when no more are waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.sql.names import qualified, quote
from ml_assets.sql.tables import CleanedTable
from ml_assets.sql.windows import instant
from ml_assets.tables.label_delay import settled_until

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
    counts = _count(con, pipeline, as_of)
    return KnownLabels(as_of, counts, settled_until(con, pipeline, as_of))


def _count(con: DuckDBPyConnection, pipeline: Pipeline, as_of: datetime) -> dict[str, int]:
    """Return how many labels of each partition are known at `as_of`."""
    node = pipeline.node(pipeline.declaration.label.table)
    if not isinstance(node.declared, CleanedTable):
        raise TypeError(f"{node.dotted} cannot be a label's table")
    rows = con.execute(
        f"SELECT coalesce(_partition, ''), count(*) FROM {qualified(pipeline.name, *node.name)}"
        f" WHERE {quote(node.declared.known_at or '')} <= {instant(as_of)} GROUP BY 1"
    ).fetchall()
    return dict(rows)
