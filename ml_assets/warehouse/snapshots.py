"""Snapshots: which one is read, which must stay, and giving back the space of the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_assets.sql.names import literal, qualified, quote
from ml_assets.warehouse.commit import snapshot_now as current_snapshot
from ml_assets.warehouse.faults import OnWait, retried
from ml_assets.warehouse.turn import turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

__all__ = ["Maintained", "current_snapshot", "maintain", "protect", "protected", "release"]

IN_FLIGHT = timedelta(days=1)
"""Files younger than this may belong to a transaction or a reader that still runs."""


@dataclass(frozen=True)
class Maintained:
    """What a maintenance removed."""

    expired: tuple[int, ...]
    """Snapshot ids."""
    removed_files: int


def protect(con: duckdb.DuckDBPyConnection, pipeline: str, snapshot: int, owner: str) -> None:
    """Keep `snapshot` from expiring on behalf of `owner`, such as flights version 3."""
    con.execute(
        f"INSERT INTO {qualified(pipeline, 'ops', 'protected')} VALUES (?, ?, now())",
        [snapshot, owner],
    )


def release(con: duckdb.DuckDBPyConnection, pipeline: str, owners: Iterable[str]) -> None:
    """Let snapshots expire that were kept on behalf of `owners` only."""
    listed = ", ".join(literal(owner) for owner in owners)
    if listed:
        con.execute(
            f"DELETE FROM {qualified(pipeline, 'ops', 'protected')} WHERE owner IN ({listed})"
        )


def protected(con: duckdb.DuckDBPyConnection, pipeline: str) -> dict[int, tuple[str, ...]]:
    """Return the protected snapshots with their owners."""
    rows = con.execute(
        f"SELECT snapshot, list_sort(list(DISTINCT owner))"
        f" FROM {qualified(pipeline, 'ops', 'protected')} GROUP BY snapshot ORDER BY snapshot"
    ).fetchall()
    return {snapshot: tuple(owners) for snapshot, owners in rows}


def maintain(
    con: duckdb.DuckDBPyConnection,
    pipeline: str,
    keep: timedelta,
    *,
    in_flight: timedelta = IN_FLIGHT,
    on_wait: OnWait,
) -> Maintained:
    """Expire unprotected snapshots older than `keep`, merge small files and remove unused ones.

    The newest snapshot always stays. Files are removed once they are unused for
    `in_flight`, replaced ones from the next UTC day on.
    """
    lake = literal(pipeline)
    with turn(con, pipeline, on_wait):
        expired = _expire(con, pipeline, keep, on_wait)
        _call(con, pipeline, f"ducklake_flush_inlined_data({lake})", on_wait)
        _call(con, pipeline, f"ducklake_merge_adjacent_files({lake})", on_wait)
        removed = _call(
            con, pipeline, f"ducklake_cleanup_old_files({lake}, {_unused(in_flight)})", on_wait
        )
        orphaned = f"ducklake_delete_orphaned_files({lake}, older_than => {_ago(in_flight)})"
        removed += _call(con, pipeline, orphaned, on_wait)
    return Maintained(tuple(expired), removed)


def _expire(
    con: duckdb.DuckDBPyConnection, pipeline: str, keep: timedelta, on_wait: OnWait
) -> list[int]:
    rows = con.execute(
        f"SELECT snapshot_id FROM {quote(pipeline)}.snapshots()"
        f" WHERE snapshot_time < {_ago(keep)}"
        " AND snapshot_id < ? ORDER BY snapshot_id",
        [current_snapshot(con, pipeline)],
    ).fetchall()
    stay = protected(con, pipeline)
    gone = [snapshot for (snapshot,) in rows if snapshot not in stay]
    if gone:
        versions = _listed(gone)
        call = f"ducklake_expire_snapshots({literal(pipeline)}, versions => {versions})"
        _call(con, pipeline, call, on_wait)
    return gone


def _ago(age: timedelta) -> str:
    return f"now() - INTERVAL '{age.total_seconds()} seconds'"


def _unused(in_flight: timedelta) -> str:
    if not in_flight:
        return "cleanup_all => true"
    # On a SQLite catalog DuckLake compares these times as text that agrees on the date only.
    return f"older_than => date_trunc('day', {_ago(in_flight)}) - INTERVAL 1 microsecond"


def _listed(numbers: Iterable[int]) -> str:
    return f"[{', '.join(str(number) for number in numbers)}]"


def _call(con: duckdb.DuckDBPyConnection, pipeline: str, call: str, on_wait: OnWait) -> int:
    return retried(
        lambda: len(con.execute(f"CALL {call}").fetchall()),
        what=f"{pipeline}: maintenance",
        on_wait=on_wait,
    )
