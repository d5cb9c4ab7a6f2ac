"""What the floor reads, as a plain script does: `read_csv` with the declared types.

Nothing looks at what was delivered: a value that does not fit its type ends the script.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZipFile

from ml_assets.sources.files import Files
from ml_assets.sources.locate import locate
from ml_assets.sql.names import casts, literal, quote
from ml_assets.tables.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sources.base import Span
    from ml_assets.tables.pipeline import Node

MADE = "_made_rows"


@contextmanager
def delivered(con: DuckDBPyConnection, node: Node, spans: Sequence[Span] | None) -> Iterator[str]:
    """Yield the relation of what the source of a raw table delivers, while it can be read.

    A file is read whole; a generator is asked for the rows of `spans` and checked by nobody.
    """
    source = source_of(node)
    if isinstance(source, Files):
        with TemporaryDirectory(prefix="ml-assets-floor-") as folder:
            found = locate(source.paths, source.package).values()
            plain = [path for each in found for path in _unpacked(each, Path(folder))]
            yield _csv(plain, node, source)
        return
    with source.read(con, MADE, tuple(node.types), spans):
        yield f"(SELECT {casts(node.types)} FROM temp.{quote(MADE)})"


def _unpacked(path: Path, folder: Path) -> list[Path]:
    if path.suffix != ".zip":
        return [path]
    with ZipFile(path) as archive:
        return [Path(archive.extract(name, folder)) for name in archive.namelist()]


def _csv(paths: Sequence[Path], node: Node, source: Files) -> str:
    files = ", ".join(literal(str(path)) for path in paths)
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in node.types.items())
    nulls = (source.nulls,) if isinstance(source.nulls, str) else source.nulls
    return (
        f"read_csv([{files}], columns={{{types}}}, header=true,"
        f" delim={literal(source.delimiter)}, nullstr=[{', '.join(map(literal, nulls))}])"
    )
