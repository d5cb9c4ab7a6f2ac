"""What a table holds and what became of its rows, summed over its slices."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.tables.plan import Stored
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.warehouse.ledger import Slice


@dataclass(frozen=True)
class Totals:
    """The accounting of a whole table: rows_in = kept + rejected + duplicates + excluded."""

    table: str
    slices: int
    rows_in: int
    kept: int
    rejected: dict[str, int]
    duplicates: int
    excluded: dict[str, int]
    counts: dict[str, int]
    """Rows for which each declared predicate holds."""


def totals(table: str, slices: Iterable[Slice]) -> Totals:
    """Sum the newest builds of a table's slices."""
    found = list(slices)
    return Totals(
        table,
        len(found),
        sum(item.rows_in for item in found),
        sum(item.rows_kept for item in found),
        _sum(item.reasons for item in found),
        sum(item.rows_duplicate for item in found),
        _sum(item.excluded for item in found),
        _sum(item.counts for item in found),
    )


def _sum(counts: Iterable[object]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)  # type: ignore[call-overload]
    return dict(total)


def all_totals(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str, Totals]:
    """Return the totals of every table that was built, by `layer.table`, in order of dataflow."""
    stored = Stored(ledger.current(con, pipeline.name))
    built = ((node, stored.of(node)) for node in pipeline.ordered)
    return {node.dotted: totals(node.dotted, slices) for node, slices in built if slices}


def table_metadata(con: DuckDBPyConnection, pipeline: Pipeline, node: Node) -> dict[str, int]:
    """Return the table's totals as metadata that the UI shows and plots."""
    found = totals(node.dotted, Stored(ledger.current(con, pipeline.name)).of(node))
    metadata = {
        "dagster/row_count": found.kept,
        "rows_in": found.rows_in,
        "rows_kept": found.kept,
        "rows_rejected": sum(found.rejected.values()),
        "rows_duplicate": found.duplicates,
        "rows_excluded": sum(found.excluded.values()),
    }
    for kind, counts in (
        ("rejected", found.rejected),
        ("excluded", found.excluded),
        ("counted", found.counts),
    ):
        metadata |= {f"{kind}: {name}": count for name, count in counts.items()}
    return metadata
