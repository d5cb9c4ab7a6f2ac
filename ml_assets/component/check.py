"""What a declaration must fulfil before anything runs: said at load, not in the middle of a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

from ml_assets.errors import DeclarationError
from ml_assets.ml import tune
from ml_assets.sql.names import quote
from ml_assets.sql.tables import CleanedTable, RawTable
from ml_assets.tables.metrics import declared_metrics
from ml_assets.tables.recipes import recipes
from ml_assets.tables.sources import source_of
from ml_assets.tables.spine import feature_names
from ml_assets.tables.visibility import lookahead, lookback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.tables.pipeline import Node, Pipeline

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWNER = re.compile(r"team:[\w/-]+|[^@\s]+@[^@\s]+\.[^@\s]+")


def check(pipeline: Pipeline) -> None:
    """Raise DeclarationError for what would otherwise fail in a run, or in Dagster's words."""
    _check_names(pipeline)
    _ = pipeline.partitions
    for node in pipeline.nodes.values():
        if isinstance(node.declared, RawTable):
            _check_source(node)
        else:
            lookback(node)
            lookahead(node)
    feature_names(pipeline)
    declared_metrics(pipeline)
    recipes(pipeline)
    tune.start(pipeline.declaration.model)
    _check_sql(pipeline)


def _check_names(pipeline: Pipeline) -> None:
    if not _NAME.fullmatch(pipeline.name):
        raise DeclarationError(
            f"{pipeline.name!r} is no name for a pipeline.",
            "Rename the folder: letters, digits and underscores only, as in SQL.",
        )
    for owner in pipeline.declaration.owners:
        if not _OWNER.fullmatch(owner):
            raise DeclarationError(
                f"{owner!r} is no owner.", "Write an e-mail address or team:name."
            )


def check_schedule(pipeline: Pipeline) -> None:
    """Raise DeclarationError where Dagster cannot read the cron expression."""
    from dagster._utils.schedules import is_valid_cron_schedule

    spec = pipeline.declaration.schedule
    if spec is not None and not is_valid_cron_schedule(spec.cron):
        raise DeclarationError(
            f"schedule.cron {spec.cron!r} is no cron expression.",
            "Write minute, hour, day, month and weekday, such as 0 5 2 * *.",
        )


def _check_source(node: Node) -> None:
    try:
        source_of(node)
    except DeclarationError as error:
        raise DeclarationError(f"{node.dotted}: {error.fact}", error.hint) from error


def _check_sql(pipeline: Pipeline) -> None:
    """Let DuckDB read every declared type, and every expression over the columns it is about."""
    with duckdb.connect(config={"threads": 1}) as con:
        for kind, column in _types(pipeline).items():
            _read(con, f"{column} has the type {kind!r}", f"SELECT NULL::{kind}")
        for dotted, about, text in _expressions(pipeline):
            empty = ", ".join(
                f"NULL::{kind} AS {quote(name)}" for name, kind in about.types.items()
            )
            sql = f"SELECT {text} FROM (SELECT {empty}) AS {quote(about.table)} LIMIT 0"
            _read(con, f"{dotted}: {text!r} cannot be read over {about.dotted}", sql)


def _types(pipeline: Pipeline) -> dict[str, str]:
    """Return every declared type with the first column of it."""
    found: dict[str, str] = {}
    for node in pipeline.nodes.values():
        for column, kind in node.types.items():
            found.setdefault(kind, f"{node.dotted}.{column}")
    return found


def _expressions(pipeline: Pipeline) -> Iterator[tuple[str, Node, str]]:
    for node in pipeline.nodes.values():
        table = node.declared
        if isinstance(table, RawTable) and table.time is not None:
            yield node.dotted, node, table.time
        if isinstance(table, CleanedTable):
            for text in (*table.rows_key, *table.exclude.values()):
                yield node.dotted, pipeline.node(table.rows), text
    label = pipeline.declaration.label
    yield "label", pipeline.node(label.table), label.value


def _read(con: duckdb.DuckDBPyConnection, what: str, sql: str) -> None:
    try:
        con.execute(sql)
    except duckdb.Error as error:
        text = str(error).partition("\n\nLINE")[0]
        raise DeclarationError(f"{what}.", f"DuckDB says: {' '.join(text.split())}") from error
