"""SQL pieces that every file format needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ml_assets.sources.unpack import Plain


def select(
    columns: Sequence[str],
    present: Collection[str],
    relation: str,
    agreed: Collection[str] | None = None,
) -> str:
    """Return a SELECT of `columns` from `relation`, NULL for those that are not `present`.

    Columns outside `agreed`, whose types differ from file to file, become text.
    """
    return f"SELECT {', '.join(_item(c, present, agreed) for c in columns)} FROM {relation}"


def _item(column: str, present: Collection[str], agreed: Collection[str] | None) -> str:
    value = quote(column) if column in present else "NULL"
    if column in present and (agreed is None or column in agreed):
        return value
    return f"{value}::VARCHAR AS {quote(column)}"


def paths_sql(files: Sequence[Plain]) -> str:
    """Return the files' paths as a SQL list."""
    return "[" + ", ".join(literal(str(file.path)) for file in files) + "]"
