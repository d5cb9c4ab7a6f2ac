"""Load a raw table: what its source delivers, typed, one transaction per partition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.load import load
from ml_assets.sources.resolve import resolve
from ml_assets.sql import windows
from ml_assets.sql.accounting import Accounting
from ml_assets.sql.names import literal, quote
from ml_assets.sql.tables import RawTable
from ml_assets.tables.built import Built, Result, in_one_transaction, refuse
from ml_assets.tables.faults import too_many, volume_faults
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.store import store_slice
from ml_assets.tables.visibility import slice_variables
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.base import Source
    from ml_assets.tables.pipeline import Node, Pipeline

LOADED = "_loaded"
LOAD_COLUMNS = {"_load_id": "VARCHAR", "_loaded_at": "TIMESTAMPTZ"}


@dataclass(frozen=True)
class Loading:
    """A delivery that lies in temporary tables, ready to be stored partition by partition."""

    node: Node
    source: str
    """One line that says where the rows come from."""
    fingerprint: str
    rows: int
    outside: int
    """Delivered rows that lie in no partition declared so far."""
    warnings: tuple[str, ...]


def source_of(node: Node) -> Source:
    """Return the source of a raw table; raises DeclarationError where it is declared wrong."""
    return resolve(_raw(node).source)


def fingerprint_of(node: Node) -> str:
    """Return the identity of what a raw table's source delivers now; DataError names the table."""
    try:
        return source_of(node).fingerprint()
    except DataError as fault:
        raise DataError(f"{node.dotted}: {fault.fact}", fault.hint) from fault


def read_source(con: DuckDBPyConnection, pipeline: Pipeline, node: Node) -> Loading:
    """Read and type everything the source delivers; raises DataError where that fails."""
    source = source_of(node)
    # Taken before the read: rows that arrive meanwhile make the table stale, never unnoticed.
    fingerprint = fingerprint_of(node)
    table = _raw(node)
    result = load(con, source, table, node.dotted, LOADED)
    con.execute(slice_variables(pipeline, None))
    for name in (result.kept, result.rejected):
        con.execute(f"ALTER TABLE temp.{quote(name)} ADD COLUMN _partition VARCHAR")
        if table.time is not None:
            local = f"timezone({windows.ZONE}, {windows.as_instant(table.time)})"
            con.execute(
                f"UPDATE temp.{quote(name)} SET _partition = {pipeline.partitions.key_sql(local)}"
            )
    outside = _settle(con, pipeline, result.kept, result.rejected) if table.time else 0
    return Loading(
        node, source.describe(), fingerprint, result.rows, outside, tuple(result.warnings)
    )


def _settle(con: DuckDBPyConnection, pipeline: Pipeline, kept: str, rejected: str) -> int:
    """Give rejected rows without a readable time to the first partition; count who has none."""
    keys = pipeline.partitions.keys()
    con.execute(
        f"UPDATE temp.{quote(rejected)} SET _partition = ? WHERE _partition IS NULL", [keys[0]]
    )
    listed = ", ".join(literal(key) for key in keys)
    stray = f"coalesce(_partition NOT IN ({listed}), true)"
    row = con.execute(f"SELECT count(*) FROM temp.{quote(kept)} WHERE {stray}").fetchone()
    return int(row[0]) if row else 0


def store(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    loading: Loading,
    partitions: Sequence[str | None],
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> Iterator[Built]:
    """Store the delivery's rows of each partition; raises SliceFaultError at a broken one."""
    for partition in partitions:
        yield in_one_transaction(
            con,
            pipeline,
            loading.node,
            partition,
            partial(_store, con, pipeline, loading, partition, run_id),
            run_id=run_id,
            on_wait=on_wait,
        )


def _store(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    loading: Loading,
    partition: str | None,
    run_id: str,
) -> Result:
    node, now = loading.node, datetime.now(UTC)
    where = f"WHERE _partition IS NOT DISTINCT FROM {literal(partition) if partition else 'NULL'}"
    kept = f"SELECT * EXCLUDE (_partition) FROM temp.{LOADED} {where}"
    rejected = f"SELECT _row::VARCHAR AS row, _reason AS reason FROM temp.{LOADED}_rejected {where}"
    accounting = _account(con, node, kept, rejected)
    stored = Stored(ledger.current(con, pipeline.name))
    _check(con, node, partition, accounting, stored, where)
    load = f"{literal(run_id)} AS _load_id, {windows.instant(now)} AS _loaded_at"
    marked = f"SELECT *, {load} FROM ({kept})"
    version = store_slice(
        con,
        pipeline,
        node,
        partition,
        kept=marked,
        rejected=rejected,
        accounting=accounting,
        counts={},
        inputs={"source": {WHOLE: loading.fingerprint}},
        run_id=run_id,
        marks=LOAD_COLUMNS,
    )
    return accounting, {}, version


def _account(con: DuckDBPyConnection, node: Node, kept: str, rejected: str) -> Accounting:
    row = con.execute(f"SELECT count(*) FROM ({kept})").fetchone()
    reasons = dict(
        con.execute(
            f"SELECT reason, count(*) FROM ({rejected}) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )
    count, gone = (int(row[0]) if row else 0), sum(reasons.values())
    return Accounting(
        table=node.dotted,
        driving="source",
        rows=count + gone,
        kept=count,
        rejected=gone,
        duplicates=0,
        reasons=reasons,
    )


def _check(
    con: DuckDBPyConnection,
    node: Node,
    partition: str | None,
    accounting: Accounting,
    stored: Stored,
    where: str,
) -> None:
    limit = node.declared.limits.rejected
    faults = {"volume": volume_faults(node, partition, accounting.rows, stored)}
    if accounting.rejected > limit * accounting.rows:
        found = con.execute(
            f"SELECT _reason, count(*), list(DISTINCT _example)[:5] "
            f"FROM temp.{LOADED}_rejected {where} GROUP BY _reason ORDER BY 2 DESC"
        ).fetchall()
        faults["rejected_rows"] = too_many(
            node.dotted, accounting.rejected, accounting.rows, limit, found
        )
    refuse(node, partition, accounting, faults)


def _raw(node: Node) -> RawTable:
    if not isinstance(node.declared, RawTable):
        raise TypeError(f"{node.dotted} is no raw table")
    return node.declared
