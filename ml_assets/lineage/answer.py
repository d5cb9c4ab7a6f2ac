"""What was answered about an entity, and what came of it: its score and its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_assets.lineage.lookup import matching, records
from ml_assets.lineage.names import SCORES
from ml_assets.sql.names import literal, qualified, quote
from ml_assets.sql.tables import CleanedTable
from ml_assets.tables.labels import label_type
from ml_assets.tables.quality import broken_slices
from ml_assets.warehouse.slices import stored_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.lineage.rows import StoredRows
    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class Prediction:
    """The stored score of an entity."""

    score: float
    version: int
    trained_on: bool
    """Whether the version was trained on the entity's partition."""
    scored_at: datetime
    snapshot: int
    """The snapshot of the lake that its features were read at."""


@dataclass(frozen=True)
class Label:
    """What came of an entity."""

    table: str
    value: float | str | None
    """None where there is none."""
    known_at: datetime | None
    known: bool
    """Whether it is known by now."""
    lacking: str = ""
    """Why there is none."""


def prediction(
    con: DuckDBPyConnection, pipeline: Pipeline, key: Mapping[str, Any], partition: str | None
) -> Prediction | None:
    """Return the score of an entity, None where it has none."""
    schema, table = SCORES.split(".")
    if stored_columns(con, pipeline.name, schema, table) is None:
        return None
    where, bound = matching({**key, "_partition": partition})
    rows = records(
        con,
        "SELECT score, model_version AS version, trained_on, scored_at, snapshot"
        f" FROM {qualified(pipeline.name, schema, table)} WHERE {where}",
        bound,
    )
    return Prediction(**rows[0]) if rows else None


def why_unscored(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    partition: str | None,
    champion: tuple[int, frozenset[str]] | None,
) -> str:
    """Say why an entity has no score; `champion` is its number and the partitions it has seen."""
    where = "the table" if partition is None else partition
    if champion is None:
        return "there is no champion to score with"
    number, trained_on = champion
    if partition in trained_on:
        return f"champion version {number} was trained on {where}, so a refresh leaves it out"
    broken = broken_slices(con, pipeline)
    if partition in broken:
        return f"{where} is broken: {broken[partition]}"
    return f"{where} was not scored yet: `ml-assets run {pipeline.name}`"


def label(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    key: Mapping[str, Any],
    now: datetime,
    raw: StoredRows | None,
) -> Label:
    """Return the label of an entity; `raw` are the rows that it would come from."""
    declared = pipeline.declaration.label
    node = pipeline.node(declared.table)
    table = node.declared
    if not isinstance(table, CleanedTable):
        raise TypeError(f"{node.dotted} cannot be a label's table")
    where, bound = matching(key)
    rows = records(
        con,
        f"SELECT CAST(({declared.value}) AS {label_type(pipeline)}) AS value,"
        f" {quote(table.known_at or '')} AS known_at"
        f" FROM {qualified(pipeline.name, *node.name)} WHERE {where}",
        bound,
    )
    if not rows:
        return Label(node.dotted, None, None, known=False, lacking=_lacking(con, pipeline, raw))
    known_at = rows[0]["known_at"]
    known = known_at is not None and known_at <= now
    return Label(node.dotted, rows[0]["value"], known_at, known=known)


def label_key(pipeline: Pipeline, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an entity's key that the label's table has as its own."""
    table = pipeline.node(pipeline.declaration.label.table).declared
    own = table.key if isinstance(table, CleanedTable) else ()
    return {name: value for name, value in key.items() if name in own}


def _lacking(con: DuckDBPyConnection, pipeline: Pipeline, raw: StoredRows | None) -> str:
    """Say by which declared rule the raw rows have no label, if by one."""
    node = pipeline.node(pipeline.declaration.label.table)
    table = node.declared
    if raw is None or not raw.rows or not isinstance(table, CleanedTable):
        return f"{node.dotted} has no row for it"
    source = pipeline.node(table.rows)
    casts = ", ".join(f"CAST(? AS {kind}) AS {quote(name)}" for name, kind in source.types.items())
    values = [raw.rows[0][name] for name in source.types]
    cases = " ".join(
        f"WHEN ({rule}) THEN {literal(reason)}" for reason, rule in table.exclude.items()
    )
    if cases:
        row = con.execute(
            f"SELECT CASE {cases} END FROM (SELECT {casts}) AS {quote(source.table)}", values
        ).fetchone()
        if row is not None and row[0] is not None:
            return f"{node.dotted} excludes it: {row[0]}"
    return f"{node.dotted} has no row for it"
