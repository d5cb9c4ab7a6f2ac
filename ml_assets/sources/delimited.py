"""CSV as text: every field as written, rows that cannot be read apart with their number.

The header is row 1 and blank lines count, so a row's number is its line, unless a quoted line break
stands before it: DuckDB numbers rows.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.base import UNTYPED, Delivery, Part
from ml_assets.sources.select import paths_sql, select
from ml_assets.sources.surplus import balanced, surplus_fault
from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.unpack import Plain

HEADER_BYTES = 2**20
REJECTED = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "INVALID ENCODING": "not UTF-8",
}
"""Faults that end with their row; after any other, where the next row starts is a guess."""

SURPLUS = "(surplus)"
Groups = dict[tuple[str, ...], list["Plain"]]


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written."""

    nulls: tuple[str, ...]
    delimiter: str


def offer(
    con: DuckDBPyConnection,
    files: Sequence[Plain],
    into: str,
    columns: Sequence[str],
    dialect: Dialect,
) -> Delivery:
    """Create the temporary view `into` over `files`, whose columns may differ in order."""
    groups: Groups = defaultdict(list)
    for file in files:
        groups[_header(file, dialect.delimiter)].append(file)
    rejects, scans = reject_tables(into)
    drop(con, into)
    store = f"store_rejects=true, rejects_table={literal(rejects)}, rejects_scan={literal(scans)}"
    selects = [
        select(columns, header, _scan(group, header, dialect, store))
        for header, group in groups.items()
    ]
    con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(into)} AS {' UNION ALL '.join(selects)}")
    parts = tuple(
        Part(file.name, dict.fromkeys(header, UNTYPED))
        for header, group in groups.items()
        for file in group
    )
    unreadable = _unreadable(files, columns, into)
    return Delivery(into, parts, unreadable, partial(_verify, con, groups, dialect, unreadable))


def reject_tables(into: str) -> tuple[str, str]:
    """Return the temporary tables in which DuckDB lists the faults of reading `into`."""
    return f"{into}_rejects", f"{into}_scans"


def drop(con: DuckDBPyConnection, into: str) -> None:
    """Drop the lists of faults, to which every scan adds."""
    for table in reject_tables(into):
        con.execute(f"DROP TABLE IF EXISTS temp.{quote(table)}")


def _scan(files: Sequence[Plain], header: Sequence[str], dialect: Dialect, faults: str) -> str:
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    nulls = ", ".join(literal(null) for null in dialect.nulls)
    return (
        f"read_csv({paths_sql(files)}, columns={{{types}}}, auto_detect=false, header=true,"
        f" delim={literal(dialect.delimiter)}, quote='\"', escape='\"', nullstr=[{nulls}],"
        f" allow_quoted_nulls=false, compression='none', hive_partitioning=false, {faults})"
    )


def _verify(
    con: DuckDBPyConnection, groups: Groups, dialect: Dialect, unreadable: str, rows: int
) -> None:
    widths = {len(header) for header in groups}
    ragged = con.execute(f"SELECT count(*) FROM ({unreadable})").fetchall()[0][0]
    files = [file for group in groups.values() for file in group]
    if len(widths) == 1 and not ragged and balanced(files, widths.pop(), dialect.delimiter, rows):
        return
    for header, group in groups.items():
        for file in group:
            # Read one column wider, only the rows with surplus fields are without fault.
            wider = _scan([file], [*header, SURPLUS], dialect, "ignore_errors=true")
            count = con.execute(
                f"SELECT count(*) FROM {wider} WHERE coalesce({quote(SURPLUS)}, '') = ''"
            ).fetchall()[0][0]
            if count:
                raise surplus_fault(file, len(header), dialect.delimiter, count)


def _unreadable(files: Sequence[Plain], columns: Sequence[str], into: str) -> str:
    rejects, scans = reject_tables(into)
    names = ", ".join(f"({literal(str(file.path))}, {literal(file.name)})" for file in files)
    reasons = " ".join(f"WHEN {literal(k)} THEN {literal(v)}" for k, v in REJECTED.items())
    known = ", ".join(literal(fault) for fault in REJECTED)
    wanted = ", ".join(literal(column) for column in columns)
    # A second scan lists its faults again; one fault per row is enough.
    # Bad encoding in a column that is not read leaves its row readable.
    return f"""
        SELECT
            CASE error_type {reasons} ELSE lower(error_type) END AS reason,
            to_json({{'file': name, 'row': line, 'text': csv_line}}) AS row,
            name || ', row ' || line AS place,
            error_type NOT IN ({known}) AS fatal
        FROM temp.{quote(rejects)}
        JOIN temp.{quote(scans)} USING (scan_id, file_id)
        JOIN (VALUES {names}) AS files (file_path, name) USING (file_path)
        WHERE error_type <> 'INVALID ENCODING' OR column_name IN ({wanted})
        QUALIFY row_number() OVER (PARTITION BY file_path, line ORDER BY column_idx) = 1
    """


def _header(file: Plain, delimiter: str) -> tuple[str, ...]:
    with file.path.open("rb") as opened:
        start = opened.read(HEADER_BYTES)
    if b"\0" in start:
        raise DataError(
            f"{file.name} is not a CSV: it holds binary data or UTF-16 text.",
            "Deliver CSV as UTF-8 text.",
        )
    text = io.StringIO(start.decode("utf-8-sig", errors="replace"), newline="")
    names = next((row for row in csv.reader(text, delimiter=delimiter) if row), [])
    if any("\ufffd" in name for name in names):
        raise DataError(f"{file.name} has a header that is not UTF-8.", "Save it as UTF-8 text.")
    if not names:
        raise DataError(f"{file.name} is empty (blank lines only).", "Fetch the file again.")
    _refuse_duplicates(file, names)
    return tuple(name or f"(column {i})" for i, name in enumerate(names, start=1))


def _refuse_duplicates(file: Plain, names: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for i, name in enumerate(names, start=1):
        if name and name.lower() in seen:
            raise DataError(
                f"{file.name} has two columns `{name}`, the {seen[name.lower()]}. and the {i}.",
                "Rename one; upper and lower case are the same to SQL.",
            )
        seen[name.lower()] = i
