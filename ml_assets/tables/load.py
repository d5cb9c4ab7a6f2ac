"""Load a raw table: what its source delivers, typed, one transaction per partition."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.sources.load import load
from ml_assets.sql import windows
from ml_assets.sql.accounting import Accounting, nothing
from ml_assets.sql.names import literal, quote
from ml_assets.tables.built import Built, in_one_transaction, refuse
from ml_assets.tables.faults import too_many, volume_faults
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.sources import fingerprint_of, raw_table, source_of
from ml_assets.tables.store import store_slices
from ml_assets.tables.visibility import slice_variables
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.base import Span
    from ml_assets.tables.partitions import Window
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


def read_source(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    keys: Sequence[str | None] | None = None,
) -> Loading:
    """Read and type what the source delivers, at least that of the partitions `keys`, or all.

    Raises DataError where that fails.
    """
    source = source_of(node)
    # Taken before the read: rows that arrive meanwhile make the table stale, never unnoticed.
    fingerprint = fingerprint_of(node)
    table = raw_table(node)
    spans = _spans(pipeline, node, keys)
    result = load(con, source, table, node.dotted, LOADED, spans)
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


def _spans(pipeline: Pipeline, node: Node, keys: Sequence[str | None] | None) -> list[Span] | None:
    """Return the instants of the partitions `keys`, neighbours in one; None for a whole table."""
    if not node.partitioned:
        return None
    found: list[Span] = []
    for key in pipeline.partitions.keys() if keys is None else keys:
        window = pipeline.partitions.window(key or "")
        if found and found[-1][1] == window.start:
            found[-1] = (found[-1][0], window.end)
        else:
            found.append((window.start, window.end))
    return found


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


def store_window(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    loading: Loading,
    window: Window | None,
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> list[Built]:
    """Store the delivery's rows of the window's slices, all or none.

    Raises SliceFaultError for the first one that breaks the contract.
    """
    return in_one_transaction(
        con,
        pipeline,
        loading.node,
        window,
        lambda: _store(con, pipeline, loading, window, run_id),
        run_id=run_id,
        on_wait=on_wait,
    )


def _store(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    loading: Loading,
    window: Window | None,
    run_id: str,
) -> list[Built]:
    node, now = loading.node, datetime.now(UTC)
    where = "_partition IS NULL"
    if window is not None:
        where = f"_partition IN ({', '.join(literal(key) for key in window.keys)})"
    load = f"{literal(run_id)} AS _load_id, {windows.instant(now)} AS _loaded_at"
    return store_slices(
        con,
        pipeline,
        node,
        _checked(con, pipeline, node, window),
        kept=f"SELECT *, {load} FROM temp.{LOADED} WHERE {where}",
        rejected=f"SELECT _row::VARCHAR AS row, _reason AS reason, _partition"
        f" FROM temp.{LOADED}_rejected WHERE {where}",
        inputs=lambda _: {"source": {WHOLE: loading.fingerprint}},
        run_id=run_id,
        marks=LOAD_COLUMNS,
    )


def _checked(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, window: Window | None
) -> list[Built]:
    """Return the slices of `window` as they were delivered, or raise for one with a fault."""
    accountings = _account(con, node)
    stored = Stored(ledger.current(con, pipeline.name))
    volumes = {item.partition: item.rows_in for item in stored.of(node)}
    checked = []
    for key in window.keys if window else (None,):
        found = accountings.get(key) or nothing(node.dotted)
        faults = {
            "volume": volume_faults(node, key, found.rows, volumes),
            "rejected_rows": _rejected_faults(con, node, key, found),
        }
        refuse(node, key, found, faults)
        volumes[key] = found.rows
        checked.append(Built(node, key, found))
    return checked


def _account(con: DuckDBPyConnection, node: Node) -> dict[str | None, Accounting]:
    """Return what became of the delivered rows, by partition."""
    kept = dict(
        con.execute(f"SELECT _partition, count(*) FROM temp.{LOADED} GROUP BY ALL").fetchall()
    )
    reasons: dict[str | None, dict[str, int]] = defaultdict(dict)
    rejected = f"FROM temp.{LOADED}_rejected GROUP BY ALL ORDER BY ALL"
    for partition, reason, count in con.execute(
        f"SELECT _partition, _reason, count(*) {rejected}"
    ).fetchall():
        reasons[partition][reason] = count
    return {
        partition: Accounting(
            table=node.dotted,
            driving="source",
            rows=kept.get(partition, 0) + sum(reasons[partition].values()),
            kept=kept.get(partition, 0),
            rejected=sum(reasons[partition].values()),
            duplicates=0,
            reasons=reasons[partition],
        )
        for partition in {**kept, **reasons}
    }


def _rejected_faults(
    con: DuckDBPyConnection, node: Node, partition: str | None, accounting: Accounting
) -> list[str]:
    limit = node.declared.limits.rejected
    if accounting.rejected <= limit * accounting.rows:
        return []
    found = con.execute(
        f"SELECT _reason, count(*), list(DISTINCT _example)[:5] FROM temp.{LOADED}_rejected"
        " WHERE _partition IS NOT DISTINCT FROM ? GROUP BY _reason ORDER BY 2 DESC",
        [partition],
    ).fetchall()
    return too_many(node.dotted, accounting.rejected, accounting.rows, limit, found)
