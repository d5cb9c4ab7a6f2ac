"""Store checked slices: their rows, their rejected rows and their entries in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.warehouse import ledger
from ml_assets.warehouse.slices import NO_ROWS, content_hashes, ensure_table, replace_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.built import Built, Target
    from ml_assets.tables.pipeline import Pipeline

REJECTED_COLUMNS = {"row": "VARCHAR", "reason": "VARCHAR"}


def store_slices(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Target,
    checked: Sequence[Built],
    *,
    kept: str,
    rejected: str | None,
    inputs: Callable[[str | None], Mapping[str, Mapping[str, str]]],
    run_id: str,
    marks: Mapping[str, str] | None = None,
) -> list[Built]:
    """Store the SELECTs `kept` and `rejected` in the open transaction; return the data versions.

    Both have `_partition`; a table that rejects nothing has no `rejected`. `marks` are columns of
    `kept` beside the declared ones, name to type; they are no content. `inputs` gives the data
    versions that a slice was built from.
    """
    _replace(con, pipeline, node, [item.partition for item in checked], kept, rejected, marks or {})
    versions = content_hashes(con, kept, list(node.types))
    stored = [replace(item, data_version=versions.get(item.partition, NO_ROWS)) for item in checked]
    entries = [_entry(item, inputs(item.partition), run_id) for item in stored]
    ledger.record(con, pipeline.name, entries)
    return stored


def _entry(built: Built, inputs: Mapping[str, Mapping[str, str]], run_id: str) -> ledger.Slice:
    accounting = built.accounting
    return ledger.Slice(
        table=built.node.dotted,
        partition=built.partition,
        code_version=built.node.code_version,
        data_version=built.data_version,
        inputs=inputs,
        rows_in=accounting.rows,
        rows_kept=accounting.kept,
        rows_rejected=accounting.rejected,
        rows_duplicate=accounting.duplicates,
        reasons=accounting.reasons,
        excluded=accounting.excluded,
        counts=built.counts,
        run_id=run_id,
        built_at=datetime.now(UTC),
    )


def _replace(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Target,
    partitions: Sequence[str | None],
    kept: str,
    rejected: str | None,
    marks: Mapping[str, str],
) -> None:
    """Replace the slices of the table and of its `<table>_rejected`, in the open transaction."""
    tables = [(node.table, {**node.types, **marks}, kept)]
    if rejected is not None:
        tables.append((f"{node.table}_rejected", REJECTED_COLUMNS, rejected))
    for name, types, select in tables:
        ensure_table(con, pipeline.name, node.layer, name, types, partitioned=node.partitioned)
        replace_slices(con, pipeline.name, node.layer, name, partitions, select)
