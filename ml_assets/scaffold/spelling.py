"""Identifiers as a person writes them: quoted only where SQL needs it."""

from __future__ import annotations

import re
from functools import cache

from ml_assets.sql.names import quote

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def bare(name: str) -> str:
    """Return `name` as an SQL identifier, in quotes where it is a keyword or no plain word."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in _keywords() else quote(name)


@cache
def _keywords() -> frozenset[str]:
    import duckdb

    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(word for (word,) in rows)
