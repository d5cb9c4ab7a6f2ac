"""Kind "files": local files and files inside an installed package, read by DuckDB."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import duckdb
from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.errors import DataError
from ml_assets.sources import blanks, delimited, identity, jsonlines, parquet
from ml_assets.sources.locate import locate
from ml_assets.sources.unpack import unpack
from ml_assets.sql.names import quote
from ml_assets.sql.tables import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_assets.sources.base import Delivery, Span

Format = Literal["CSV", "Parquet", "JSON lines", "text"]
FORMATS: dict[str, Format] = {
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".tsv": "CSV",
    ".tsv.gz": "CSV",
    ".zip": "CSV",
    ".parquet": "Parquet",
    ".jsonl": "JSON lines",
    ".jsonl.gz": "JSON lines",
    ".ndjson": "JSON lines",
    ".ndjson.gz": "JSON lines",
    ".txt": "text",
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Files:
    """CSV (also .tsv, .zip, .gz), Parquet, JSON lines (also .gz) or .txt, all of one format.

    CSV is UTF-8 with a header and double quotes; an unquoted field equal to one of `nulls` is NULL,
    a quoted one never, so that "" is the empty text. A blank line is no row. In .txt, which has a
    header too, fields stand apart by one or more blanks.
    """

    kind: Literal["files"] = "files"
    path: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """Paths or globs, relative to the working directory or to any folder of `package`."""
    package: str | None = None
    """Installed distribution that holds the files; it is located, not imported."""
    nulls: str | tuple[str, ...] = ""
    """What a CSV writes for a missing value."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What stands between the fields of a CSV."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The declared paths, also where only one is."""
        return (self.path,) if isinstance(self.path, str) else self.path

    def fingerprint(self) -> str:
        """Return a digest of the declaration and the files' sizes and content."""
        return identity.fingerprint(asdict(self), locate(self.paths, self.package))

    def describe(self) -> str:
        """Return the declared paths and package."""
        place = f" in the package {self.package}" if self.package else ""
        return f"{', '.join(self.paths)}{place}"

    @contextmanager
    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        into: str,
        columns: Sequence[str],
        spans: Sequence[Span] | None = None,  # noqa: ARG002 - files deliver all they have
    ) -> Iterator[Delivery]:
        """Offer `columns` of all files as the temporary view `into`, unpacked until the end."""
        files = locate(self.paths, self.package)
        read_as = _format(files)
        with TemporaryDirectory(prefix="ml-assets-") as folder:
            plain = [p for name, path in files.items() for p in unpack(name, path, Path(folder))]
            try:
                if read_as == "Parquet":
                    yield parquet.offer(con, plain, into, columns)
                elif read_as == "JSON lines":
                    yield jsonlines.offer(con, plain, into, columns)
                else:
                    text = read_as == "text"
                    plain = blanks.as_csv(plain, Path(folder)) if text else plain
                    nulls = (self.nulls,) if isinstance(self.nulls, str) else self.nulls
                    dialect = delimited.Dialect(nulls, blanks.DELIMITER if text else self.delimiter)
                    yield delimited.offer(con, plain, into, columns, dialect)
            finally:
                # After an error the transaction may refuse; the next read replaces the view.
                with suppress(duckdb.Error):
                    con.execute(f"DROP VIEW IF EXISTS temp.{quote(into)}")
                    delimited.drop(con, into)


def _format(files: dict[str, Path]) -> Format:
    formats = {_format_of(name, path): name for name, path in files.items()}
    if len(formats) > 1:
        found = ", ".join(f"{form} ({name})" for form, name in formats.items())
        raise DataError(
            f"the files are of several formats: {found}.", "Declare one raw table per format."
        )
    return next(iter(formats))


def _format_of(name: str, path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    for ending in ("".join(suffixes[-2:]), "".join(suffixes[-1:])):
        if ending in FORMATS:
            return FORMATS[ending]
    raise DataError(
        f"{name} is of no known format.", f"A file's name ends with one of {', '.join(FORMATS)}."
    )
