"""The entity that a question is about, found by its key, or the nearest thing that helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from ml_assets.errors import DataError, DeclarationError
from ml_assets.lineage.lookup import matching, records, rejection
from ml_assets.sql.names import columns, qualified, quote
from ml_assets.sql.types import is_number
from ml_assets.tables.spine import spine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Node, Pipeline

SHOWN = 5


@dataclass(frozen=True)
class Entity:
    """One row of the feature table whose rows are what the model predicts."""

    key: Mapping[str, Any]
    partition: str | None


def named(key: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Return `given` by key column: all written `name=value`, or all values in the key's order.

    A part of the key is enough where it fits one entity. DeclarationError for what is neither.
    """
    pairs = [text.partition("=") for text in given]
    if given and all(mark and name in key for name, mark, _ in pairs):
        found = {name: value for name, _, value in pairs}
        if len(found) == len(given):
            return found
    elif given and len(given) <= len(key) and not any(name in key for name, _, _ in pairs):
        return dict(zip(key, given, strict=False))
    raise DeclarationError(
        f"{' '.join(given) or 'Nothing'} is no key.",
        f"Write {' '.join(f'{name}=...' for name in key)}, or the values in this order.",
    )


def find(con: DuckDBPyConnection, pipeline: Pipeline, given: Mapping[str, str]) -> Entity:
    """Return the one entity with these values of key columns; DataError where it is not one."""
    node, table = spine(pipeline)
    values = typed(con, node, given)
    relation = qualified(pipeline.name, *node.name)
    where, bound = matching(values)
    listed = columns([*table.key, "_partition"])
    rows = records(
        con,
        f"SELECT {listed}, count(*) OVER () AS _count FROM {relation} WHERE {where}"
        f" ORDER BY {columns(list(table.key))} LIMIT {SHOWN}",
        bound,
    )
    if not rows:
        raise _absent(con, pipeline, node, values)
    count = rows[0].pop("_count")
    if count > 1:
        raise _several(table.key, given, rows, count)
    return Entity({name: rows[0][name] for name in table.key}, rows[0]["_partition"])


def typed(con: DuckDBPyConnection, node: Node, given: Mapping[str, str]) -> dict[str, Any]:
    """Return texts as values of the node's columns; DataError for one that cannot be read."""
    found = {}
    for name, text in given.items():
        kind = node.types[name]
        try:
            row = con.execute(f"SELECT CAST(? AS {kind})", [text]).fetchone()
        except duckdb.Error as error:
            raise DataError(f"{name}={text} is no {kind}.", _example(con, node, name)) from error
        found[name] = None if row is None else row[0]
    return found


def _example(con: DuckDBPyConnection, node: Node, name: str) -> str:
    values = ("2013-05-07", "42", "2013-05-07 12:00:00+00")
    for value in values:
        row = con.execute(f"SELECT TRY_CAST(? AS {node.types[name]})", [value]).fetchone()
        if row is not None and row[0] is not None:
            return f"Write it like {name}={value}."
    return f"Write a value of {node.dotted}.{name}."


def _several(
    key: Iterable[str], given: Mapping[str, str], rows: Sequence[Mapping[str, Any]], count: int
) -> DataError:
    lacking = ", ".join(name for name in key if name not in given)
    first = "; ".join(told({name: row[name] for name in key}) for row in rows)
    return DataError(
        f"{count:,} entities have {told(given)}.",
        f"Name {lacking} as well. The first are {first}.",
    )


def _absent(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, values: Mapping[str, Any]
) -> DataError:
    """Return the fault with the reason it was rejected for, or with what is there beside it."""
    fact = f"{node.dotted} has no row with {told(values)}."
    where = rejection(con, pipeline, node, values)
    return DataError(fact, where or _beside(con, pipeline, node, values))


def _beside(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, values: Mapping[str, Any]
) -> str:
    """Say which values of each column there are beside the other values."""
    parts = []
    for name in values:
        near, count = _values_beside(con, pipeline, node, values, name)
        more = f" and {count - len(near)} more" if count > len(near) else ""
        parts += [f"With another {name}: {', '.join(near)}{more}."] if near else []
    query = f"FROM {node.dotted} LIMIT {SHOWN}"
    return " ".join(parts) or f'`ml-assets sql {pipeline.name} "{query}"` shows what there is.'


def _values_beside(
    con: DuckDBPyConnection, pipeline: Pipeline, node: Node, values: Mapping[str, Any], name: str
) -> tuple[list[str], int]:
    """Return values of one column, the nearest numbers first, and how many there are."""
    where, bound = matching({other: own for other, own in values.items() if other != name})
    near = f"abs({quote(name)} - ?), " if is_number(node.types[name]) else ""
    rows = con.execute(
        f"SELECT CAST({quote(name)} AS VARCHAR), count(*) OVER ()"
        f" FROM {qualified(pipeline.name, *node.name)} WHERE {where}"
        f" GROUP BY {quote(name)} ORDER BY {near}{quote(name)} LIMIT {SHOWN}",
        [*bound, *([values[name]] if near else [])],
    ).fetchall()
    return [str(row[0]) for row in rows], rows[0][1] if rows else 0


def told(key: Mapping[str, Any]) -> str:
    """Return a key in words."""
    return ", ".join(f"{name}={value}" for name, value in key.items())
