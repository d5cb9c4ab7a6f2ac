"""DuckDB extensions from installed packages; nothing is downloaded."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import duckdb

from ml_assets.errors import StorageError
from ml_assets.sql.names import literal


def load(con: duckdb.DuckDBPyConnection, *extensions: str) -> None:
    """Load `extensions`, such as ducklake, from their packages duckdb-extension-<name>."""
    for name in extensions:
        con.execute(f"LOAD {literal(str(_file(name)))}")


def trust_no_other(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse whatever DuckDB's makers have not signed from here on; there is no way back.

    What was loaded came with the packages, and pip checked their hashes, as of all other code.
    """
    con.execute("SET GLOBAL allow_unsigned_extensions = false")


def _file(name: str) -> Path:
    package = f"duckdb-extension-{name.replace('_', '-')}"
    try:
        files = importlib.metadata.distribution(package).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.endswith(".duckdb_extension"):
            return Path(str(file.locate()))
    raise StorageError(
        f"The DuckDB extension {name} is not installed.",
        f"Install it: pip install {package}=={duckdb.__version__}.",
    )
