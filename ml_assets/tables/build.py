"""Build one slice of a cleaned or feature table in one transaction, or store nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DataError
from ml_assets.sql import rules, windows
from ml_assets.sql.accounting import Accounting, account
from ml_assets.sql.names import columns, quote
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.faults import row_faults, volume_faults
from ml_assets.tables.plan import Stored
from ml_assets.tables.visibility import driving, visible
from ml_assets.warehouse import ledger
from ml_assets.warehouse.commit import commit
from ml_assets.warehouse.slices import content_hash, ensure_table, replace_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

REJECTED_COLUMNS = {"row": "VARCHAR", "reason": "VARCHAR"}
KNOWN_AT = "known_at before"


@dataclass(frozen=True)
class Built:
    """What became of one slice; with faults nothing of it was stored."""

    node: Node
    partition: str | None
    accounting: Accounting
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Per failed check what is wrong."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows for which each declared predicate holds."""
    data_version: str = ""
    snapshot: int = 0
    """The snapshot that was read."""
    seconds: float = 0.0


class SliceFaultError(DataError):
    """A slice broke its contract; `built` says how."""

    def __init__(self, built: Built) -> None:
        where = built.node.dotted + (f" {built.partition}" if built.partition else "")
        lines = "\n".join(f"- {text}" for texts in built.faults.values() for text in texts)
        super().__init__(
            f"{where} breaks its contract, so nothing of it was stored:\n{lines}\n",
            "Mend the source, the SELECT or the contract in defs.yaml, and materialize it again.",
        )
        self.built = built


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
    start = time.monotonic()
    partition = window.key if window else None
    with visible(con, pipeline, node, window):
        committed = commit(
            con,
            pipeline.name,
            lambda: _build(con, pipeline, node, window, run_id),
            message=f"{node.dotted} {partition or ''}".strip(),
            extra={"run_id": run_id},
            on_wait=on_wait,
        )
    accounting, counts, version = committed.value
    return Built(
        node,
        partition,
        accounting,
        counts=counts,
        data_version=version,
        snapshot=committed.snapshot_before,
        seconds=time.monotonic() - start,
    )


def _build(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, window: Window | None, run_id: str
) -> tuple[Accounting, dict[str, int], str]:
    table = node.declared
    if not isinstance(table, CleanedTable | FeatureTable):
        raise TypeError(f"{node.dotted} is no SELECT")
    partition = window.key if window else None
    stored = Stored(ledger.current(con, pipeline.name))
    _run_select(con, node, partition)
    contract = rules.row_rules(table)
    _temp(con, "_judged", rules.judged("_output", contract))
    accounting = _account(con, pipeline, node, table, window)
    counts = _counts(con, pipeline, node, table, window)
    faults = {
        "accounting": accounting.faults(),
        "rejected_rows": row_faults(con, node, table, accounting, contract),
        "volume": volume_faults(node, partition, accounting.rows, stored),
        "known_at": _known_at_faults(node, accounting),
    }
    _refuse(Built(node, partition, accounting, {k: v for k, v in faults.items() if v}))
    version = _store(con, pipeline, node, partition, accounting, counts, stored, run_id)
    return accounting, counts, version


def _refuse(built: Built) -> None:
    if built.faults:
        raise SliceFaultError(built)


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
        if faults:
            nothing = Accounting(
                table=node.dotted, driving="", rows=0, kept=0, rejected=0, duplicates=0
            )
            _refuse(Built(node, partition, nothing, {"schema": faults}))
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


def _account(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> Accounting:
    reason = quote(rules.REASON)
    keys = columns(table.key)
    ours = "".join(f" AND ({predicate}) IS NOT TRUE" for predicate in table.added.values())
    sql = account(
        table,
        f"({driving(pipeline, node, window)})",
        f"(SELECT {keys} FROM _judged WHERE {reason} IS NULL{ours})",
        f"(SELECT {keys}, {reason} AS reason FROM _judged WHERE {reason} IS NOT NULL)",
    )
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    row = cursor.fetchone()
    if row is None:
        raise RuntimeError("the accounting answered no row")
    return Accounting.of(node.dotted, table.rows, dict(zip(names, row, strict=True)))


def _counts(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    table: CleanedTable | FeatureTable,
    window: Window | None,
) -> dict[str, int]:
    told = dict(table.counts)
    relation = "_judged"
    if isinstance(table, CleanedTable):
        relation = f"({driving(pipeline, node, window)})"
    found = _count(con, relation, told)
    return found | (_count(con, "_judged", table.added) if table.added else {})


def _count(con: DuckDBPyConnection, relation: str, named: Mapping[str, str]) -> dict[str, int]:
    if not named:
        return {}
    selected = ", ".join(f"count(*) FILTER ({predicate})" for predicate in named.values())
    row = con.execute(f"SELECT {selected} FROM {relation}").fetchone() or ()
    return dict(zip(named, map(int, row), strict=True))


def _known_at_faults(node: Node, accounting: Accounting) -> list[str]:
    return [
        f"{node.dotted}: {count:,} rows: {reason}."
        for reason, count in accounting.reasons.items()
        if KNOWN_AT in reason
    ]


def _store(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partition: str | None,
    accounting: Accounting,
    counts: dict[str, int],
    stored: Stored,
    run_id: str,
) -> str:
    declared = node.declared.columns
    kept = rules.kept("_judged", declared)
    store_pair(con, pipeline, node, partition, kept, rules.rejected("_judged", declared))
    version = content_hash(con, kept, list(declared))
    ledger.record(
        con,
        pipeline.name,
        ledger.Slice(
            table=node.dotted,
            partition=partition,
            code_version=node.code_version,
            data_version=version,
            inputs=stored.inputs(pipeline, node, partition),
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


def store_pair(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partition: str | None,
    kept: str,
    rejected: str,
    extra: dict[str, str] | None = None,
) -> None:
    """Replace the slice of the table and of its `<table>_rejected`, in the open transaction."""
    tables = (
        (node.table, {**node.types, **(extra or {})}, kept),
        (f"{node.table}_rejected", REJECTED_COLUMNS, rejected),
    )
    for name, types, select in tables:
        ensure_table(con, pipeline.name, node.layer, name, types, partitioned=node.partitioned)
        replace_slice(con, pipeline.name, node.layer, name, partition, select)
