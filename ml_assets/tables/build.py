"""Build slices of a cleaned or feature table in one transaction, or store nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sql import rules, windows
from ml_assets.sql.accounting import nothing
from ml_assets.sql.names import quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.account import account_slices, count_rows
from ml_assets.tables.built import Built, in_one_transaction, refuse
from ml_assets.tables.faults import row_faults, volume_faults
from ml_assets.tables.plan import Stored
from ml_assets.tables.store import store_slices
from ml_assets.tables.visibility import partition_literal, visible
from ml_assets.warehouse import ledger
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

KNOWN_AT = "known_at before"


def build_window(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    window: Window | None,
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> list[Built]:
    """Run `node`'s SELECT once for the slices of `window`, check each and store all or none.

    Raises SliceFaultError for the first one that breaks the contract.
    """
    table = node.declared
    if not isinstance(table, CleanedTable | FeatureTable):
        raise TypeError(f"{node.dotted} is no SELECT")
    contract = rules.row_rules(table)
    with visible(con, pipeline, node, window):
        built = in_one_transaction(
            con,
            pipeline,
            node,
            window,
            lambda: _store(con, pipeline, node, table, window, contract, run_id),
            run_id=run_id,
            on_wait=on_wait,
            prepare=lambda: _run_select(con, pipeline, node, window, contract),
        )
        con.execute("DROP TABLE temp._judged")
    return built


def _store(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
    contract: Sequence[rules.Rule],
    run_id: str,
) -> list[Built]:
    stored = Stored(ledger.current(con, pipeline.name))
    return store_slices(
        con,
        pipeline,
        node,
        _checked(con, pipeline, node, table, window, contract, stored),
        kept=rules.kept("_judged", table.columns, PARTITION),
        rejected=rules.rejected("_judged", table.columns, PARTITION),
        inputs=lambda partition: stored.inputs(pipeline, node, partition),
        run_id=run_id,
    )


def _checked(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
    contract: Sequence[rules.Rule],
    stored: Stored,
) -> list[Built]:
    """Return the slices of `window` as they lie in `_judged`, or raise for one with a fault."""
    accountings = account_slices(con, pipeline, node, table, window)
    counts = count_rows(con, pipeline, node, table, window)
    keys = window.keys if window else (None,)
    if accountings.keys() - set(keys):
        raise DataError(
            f"{node.dotted} {window.name if window else ''}: rows without {table.time}.",
            "They lie in no partition; build the partitions one by one to see whose they are.",
        )
    volumes = {item.partition: item.rows_in for item in stored.of(node)}
    checked = []
    for key in keys:
        found = accountings.get(key) or nothing(node.dotted)
        faults = {
            "accounting": found.faults(),
            "rejected_rows": row_faults(con, node, key, found, contract),
            "volume": volume_faults(node, key, found.rows, volumes),
            "known_at": _known_at_faults(node, found),
        }
        refuse(node, key, found, faults)
        volumes[key] = found.rows
        checked.append(Built(node, key, found, counts=counts.get(key, {})))
    return checked


def _run_select(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    window: Window | None,
    contract: Sequence[rules.Rule],
) -> None:
    """Put the SELECT's rows of the window into `_judged`, each with its slice and its faults."""
    if node.select is None:
        raise TypeError(f"{node.dotted} has no SELECT")
    relation = node.select.subquery
    try:
        described = con.execute(f"DESCRIBE {relation[1:-1]}").fetchall()
        actual = {str(row[0]): str(row[1]) for row in described}
        faults = rules.schema_faults(node.dotted, node.declared, actual)
        refuse(node, window.name if window else None, nothing(node.dotted), {"schema": faults})
        own = windows.own(f"{relation} AS _select", node.declared.time)
        key = f"{_partition(pipeline, node, window)} AS {quote(PARTITION)}"
        judged = rules.judged(f"(SELECT *, {key} FROM ({own}))", contract)
        con.execute(f"CREATE OR REPLACE TEMP TABLE _judged AS {judged}")
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


def _partition(pipeline: Pipeline, node: Node, window: Window | None) -> str:
    """Return SQL for the slice that a row of the window belongs to."""
    if window is None or len(window.keys) == 1:
        return partition_literal(window)
    local = f"timezone({windows.ZONE}, {quote(node.declared.time or '')})"
    return pipeline.partitions.key_sql(local)


def _known_at_faults(node: Node, accounting: Accounting) -> list[str]:
    return [
        f"{node.dotted}: {count:,} rows: {reason}."
        for reason, count in accounting.reasons.items()
        if KNOWN_AT in reason
    ]
