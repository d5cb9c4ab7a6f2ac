"""The ledger of slices: what was built when, by which code, from which data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_assets.sql.names import qualified
from ml_assets.warehouse.commit import snapshot_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

_COLUMNS = (
    "table_name, partition, code_version, data_version, inputs, rows_in, rows_kept, rows_rejected,"
    " rows_duplicate, reasons, excluded, counts, run_id, built_at, sequence"
)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One building of a table's slice."""

    table: str
    """`layer.table`."""
    partition: str | None
    code_version: str
    data_version: str
    """Content hash of the stored rows."""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Per upstream table, partition ("" for a whole table) to the data version that was read."""
    rows_in: int
    rows_kept: int
    rows_rejected: int = 0
    rows_duplicate: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows per reason."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Rows left out per declared rule."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows for which each declared predicate holds."""
    run_id: str
    built_at: datetime
    """With its time zone."""
    sequence: int = 0
    """The snapshot that the building transaction began with; later buildings have higher ones."""


def record(con: duckdb.DuckDBPyConnection, pipeline: str, slices: Sequence[Slice]) -> None:
    """Append `slices`, numbered, in the open transaction: the one that stores their data."""
    sequence = snapshot_now(con, pipeline)
    rows = [_values(replace(item, sequence=sequence)) for item in slices]
    marks = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
    # One statement: the lake writes one file for each.
    con.execute(
        f"INSERT INTO {qualified(pipeline, 'ops', 'slices')} ({_COLUMNS}) VALUES {marks}",
        [value for row in rows for value in row],
    )


def _values(item: Slice) -> list[object]:
    return [
        item.table,
        item.partition,
        item.code_version,
        item.data_version,
        json.dumps({table: dict(read) for table, read in item.inputs.items()}),
        item.rows_in,
        item.rows_kept,
        item.rows_rejected,
        item.rows_duplicate,
        json.dumps(dict(item.reasons)),
        json.dumps(dict(item.excluded)),
        json.dumps(dict(item.counts)),
        item.run_id,
        item.built_at,
        item.sequence,
    ]


def current(con: duckdb.DuckDBPyConnection, pipeline: str) -> list[Slice]:
    """Return the newest building of every slice, by table and partition.

    A whole table's building replaces its partitions', and a partition's the whole table's.
    """
    # One aggregate takes half the time of a window: every asset asks several times.
    rows = con.execute(
        f"""SELECT unnest(max_by(slices, (sequence, built_at)))
        FROM (SELECT {_COLUMNS} FROM {qualified(pipeline, "ops", "slices")}) AS slices
        GROUP BY table_name, partition ORDER BY table_name, partition"""
    ).fetchall()
    return _in_force([_slice(row) for row in rows])


def _in_force(newest: list[Slice]) -> list[Slice]:
    whole = {item.table: item.sequence for item in newest if item.partition is None}
    parts: dict[str, int] = {}
    for item in newest:
        if item.partition is not None:
            parts[item.table] = max(item.sequence, parts.get(item.table, -1))
    return [
        item
        for item in newest
        if item.sequence > (parts if item.partition is None else whole).get(item.table, -1)
    ]


def history(con: duckdb.DuckDBPyConnection, pipeline: str) -> list[tuple[int, Slice]]:
    """Return every building with the snapshot that its transaction made, oldest first."""
    rows = con.execute(
        f"SELECT snapshot_id, {_COLUMNS} FROM {qualified(pipeline, 'ops', 'slices')}"
        " ORDER BY snapshot_id, table_name, partition"
    ).fetchall()
    return [(row[0], _slice(row[1:])) for row in rows]


def _slice(row: tuple[object, ...]) -> Slice:
    names = ("table", *(name.strip() for name in _COLUMNS.split(",")[1:]))
    values = dict(zip(names, row, strict=True))
    for name in ("inputs", "reasons", "excluded", "counts"):
        values[name] = json.loads(str(values[name]))
    return Slice(**values)  # type: ignore[arg-type]
