"""Build one slice of a cleaned or feature table in one transaction, or store nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sql import rules, windows
from ml_assets.sql.accounting import nothing
from ml_assets.sql.names import quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.account import account_slice, count_rows
from ml_assets.tables.built import Built, Result, in_one_transaction, refuse
from ml_assets.tables.faults import row_faults, volume_faults
from ml_assets.tables.plan import Stored
from ml_assets.tables.store import store_slice
from ml_assets.tables.visibility import visible
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

KNOWN_AT = "known_at before"


def build_slice(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    window: Window | None,
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> Built:
    """Run `node`'s SELECT for `window`, check it and store it; raises SliceFaultError."""
    partition = window.key if window else None
    with visible(con, pipeline, node, window):
        return in_one_transaction(
            con,
            pipeline,
            node,
            partition,
            lambda: _build(con, pipeline, node, window, run_id),
            run_id=run_id,
            on_wait=on_wait,
        )


def _build(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, window: Window | None, run_id: str
) -> Result:
    table = node.declared
    if not isinstance(table, CleanedTable | FeatureTable):
        raise TypeError(f"{node.dotted} is no SELECT")
    partition = window.key if window else None
    stored = Stored(ledger.current(con, pipeline.name))
    _run_select(con, node, partition)
    contract = rules.row_rules(table)
    _temp(con, "_judged", rules.judged("_output", contract))
    accounting = account_slice(con, pipeline, node, table, window)
    counts = count_rows(con, pipeline, node, table, window)
    faults = {
        "accounting": accounting.faults(),
        "rejected_rows": row_faults(con, node, table, accounting, contract),
        "volume": volume_faults(node, partition, accounting.rows, stored),
        "known_at": _known_at_faults(node, accounting),
    }
    refuse(node, partition, accounting, faults)
    version = store_slice(
        con,
        pipeline,
        node,
        partition,
        kept=rules.kept("_judged", table.columns),
        rejected=rules.rejected("_judged", table.columns),
        accounting=accounting,
        counts=counts,
        inputs=stored.inputs(pipeline, node, partition),
        run_id=run_id,
    )
    return accounting, counts, version


def _temp(con: DuckDBPyConnection, name: str, select: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS {select}")


def _run_select(con: DuckDBPyConnection, node: Node, partition: str | None) -> None:
    """Put the SELECT's rows of the slice into `_output`, with the declared columns only."""
    if node.select is None:
        raise TypeError(f"{node.dotted} has no SELECT")
    relation = node.select.subquery
    try:
        described = con.execute(f"DESCRIBE {relation[1:-1]}").fetchall()
        actual = {str(row[0]): str(row[1]) for row in described}
        faults = rules.schema_faults(node.dotted, node.declared, actual)
        refuse(node, partition, nothing(node.dotted), {"schema": faults})
        _temp(con, "_output", windows.own(f"{relation} AS _select", node.declared.time))
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
        raise DataError(
            f"{node.select.path} cannot run: {error}.",
            "Correct the SELECT, or materialize what it reads first.",
        ) from error
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise DataError(
            f"{node.dotted}: a value cannot be converted: {error}.",
            "Use TRY_CAST in the SELECT and let the contract reject what stays NULL.",
        ) from error


def _known_at_faults(node: Node, accounting: Accounting) -> list[str]:
    return [
        f"{node.dotted}: {count:,} rows: {reason}."
        for reason, count in accounting.reasons.items()
        if KNOWN_AT in reason
    ]
