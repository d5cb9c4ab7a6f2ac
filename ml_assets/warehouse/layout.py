"""The lake's own tables and their version; older layouts are upgraded, newer ones refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import StorageError
from ml_assets.sql.names import LAYERS, qualified
from ml_assets.warehouse.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.warehouse.faults import OnWait


def _first(con: duckdb.DuckDBPyConnection, pipeline: str) -> None:
    for layer in LAYERS:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(pipeline, layer)}")
    ops = qualified(pipeline, "ops")
    con.execute(f"CREATE TABLE {ops}.lake_version (version INTEGER, since TIMESTAMPTZ)")
    con.execute(
        f"""CREATE TABLE {ops}.slices (
            table_name VARCHAR, partition VARCHAR, code_version VARCHAR, data_version VARCHAR,
            inputs VARCHAR, rows_in BIGINT, rows_kept BIGINT, rows_rejected BIGINT,
            rows_duplicate BIGINT, reasons VARCHAR, excluded VARCHAR, counts VARCHAR,
            run_id VARCHAR, built_at TIMESTAMPTZ, sequence BIGINT)"""
    )
    con.execute(f"CREATE TABLE {ops}.protected (snapshot BIGINT, owner VARCHAR, since TIMESTAMPTZ)")


def _loop(con: duckdb.DuckDBPyConnection, pipeline: str) -> None:
    ops = qualified(pipeline, "ops")
    con.execute(
        f"""CREATE TABLE {ops}.decisions (
            decided_at TIMESTAMPTZ, wall_time TIMESTAMPTZ, event_time TIMESTAMPTZ, action VARCHAR,
            cause VARCHAR, reason VARCHAR, episode VARCHAR, until TIMESTAMPTZ, run_id VARCHAR)"""
    )
    con.execute(
        f"""CREATE TABLE {ops}.promotions (
            promoted_at TIMESTAMPTZ, wall_time TIMESTAMPTZ, promoted BOOLEAN,
            from_version INTEGER, to_version INTEGER, reason VARCHAR, numbers VARCHAR,
            decided_by VARCHAR, episode VARCHAR, run_id VARCHAR)"""
    )
    con.execute(
        f"""CREATE TABLE {ops}.resets (
            reset_at TIMESTAMPTZ, wall_time TIMESTAMPTZ, reason VARCHAR, decided_by VARCHAR)"""
    )


UPGRADES: tuple[Callable[[duckdb.DuckDBPyConnection, str], None], ...] = (_first, _loop)
"""Upgrade n (counted from 1) turns layout n - 1 into layout n; never edit one, append."""


def ensure(con: duckdb.DuckDBPyConnection, pipeline: str, on_wait: OnWait) -> None:
    """Bring the attached lake to this layout in one transaction; refuse a newer one."""
    if _checked(con, pipeline) < len(UPGRADES):
        commit(
            con,
            pipeline,
            lambda: _upgrade(con, pipeline),
            message=f"lake layout {len(UPGRADES)}",
            extra={},
            on_wait=on_wait,
        )


def require(con: duckdb.DuckDBPyConnection, pipeline: str, *, older: bool) -> None:
    """Refuse to read a lake of a newer layout and, unless `older` ones are fine, of an older."""
    found = _checked(con, pipeline)
    if found == 0 and not older:
        raise no_data(pipeline)
    if found < len(UPGRADES) and not older:
        raise StorageError(
            f"The lake of {pipeline} has layout {found}; this version reads {len(UPGRADES)}.",
            "Materialize any of its assets once: the first write upgrades the lake.",
        )


def no_data(pipeline: str) -> StorageError:
    """Return the fault of reading a lake that nothing was ever written to."""
    return StorageError(
        f"The lake of {pipeline} holds no data yet.",
        "Materialize its assets first (make run), or check ML_ASSETS_DATA and ML_ASSETS_CATALOG.",
    )


def _upgrade(con: duckdb.DuckDBPyConnection, pipeline: str) -> None:
    for number in range(_checked(con, pipeline), len(UPGRADES)):
        UPGRADES[number](con, pipeline)
        table = qualified(pipeline, "ops", "lake_version")
        con.execute(f"INSERT INTO {table} VALUES (?, now())", [number + 1])


def _checked(con: duckdb.DuckDBPyConnection, pipeline: str) -> int:
    found = _version(con, pipeline)
    if found > len(UPGRADES):
        raise StorageError(
            f"The lake of {pipeline} has layout {found}, newer than {len(UPGRADES)}, the newest"
            " this version knows.",
            "Upgrade ml-assets to the version that wrote it (pip install -U ml-assets).",
        )
    return found


def _version(con: duckdb.DuckDBPyConnection, pipeline: str) -> int:
    try:
        row = con.execute(
            f"SELECT max(version) FROM {qualified(pipeline, 'ops', 'lake_version')}"
        ).fetchone()
    except duckdb.CatalogException:
        return 0
    return 0 if row is None or row[0] is None else int(row[0])
