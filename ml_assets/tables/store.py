"""Store a checked slice: its rows, its rejected rows and its entry in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.warehouse import ledger
from ml_assets.warehouse.slices import content_hash, ensure_table, replace_slice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.pipeline import Node, Pipeline

REJECTED_COLUMNS = {"row": "VARCHAR", "reason": "VARCHAR"}


def store_slice(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partition: str | None,
    *,
    kept: str,
    rejected: str,
    accounting: Accounting,
    counts: Mapping[str, int],
    inputs: Mapping[str, Mapping[str, str]],
    run_id: str,
    marks: Mapping[str, str] | None = None,
) -> str:
    """Store the SELECTs `kept` and `rejected` in the open transaction; return the data version.

    `marks` are columns of `kept` beside the declared ones, name to type; they are no content.
    """
    _replace(con, pipeline, node, partition, kept, rejected, dict(marks or {}))
    version = content_hash(con, kept, list(node.types))
    ledger.record(
        con,
        pipeline.name,
        ledger.Slice(
            table=node.dotted,
            partition=partition,
            code_version=node.code_version,
            data_version=version,
            inputs=inputs,
            rows_in=accounting.rows,
            rows_kept=accounting.kept,
            rows_rejected=accounting.rejected,
            rows_duplicate=accounting.duplicates,
            reasons=accounting.reasons,
            excluded=accounting.excluded,
            counts=counts,
            run_id=run_id,
            built_at=datetime.now(UTC),
        ),
    )
    return version


def _replace(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partition: str | None,
    kept: str,
    rejected: str,
    marks: Mapping[str, str],
) -> None:
    """Replace the slice of the table and of its `<table>_rejected`, in the open transaction."""
    tables = (
        (node.table, {**node.types, **marks}, kept),
        (f"{node.table}_rejected", REJECTED_COLUMNS, rejected),
    )
    for name, types, select in tables:
        ensure_table(con, pipeline.name, node.layer, name, types, partitioned=node.partitioned)
        replace_slice(con, pipeline.name, node.layer, name, partition, select)
