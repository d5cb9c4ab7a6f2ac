"""Read a pipeline's folder: its declaration, the SELECTs beside it, and whether they fit."""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import OWN_COLUMNS, RESERVED
from ml_assets.sql.rules import referenced
from ml_assets.sql.select import Select, dependencies, parse
from ml_assets.sql.tables import CleanedTable, Column, FeatureTable, RawTable, Table
from ml_assets.tables.moments import require_moment
from ml_assets.tables.pipeline import Node, Pipeline, TableName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml_assets.tables.declaration import Declaration


def load(name: str, folder: Path, declaration: Declaration) -> Pipeline:
    """Read the pipeline's SELECTs beside its defs.yaml and check that the parts fit."""
    if name in RESERVED:
        raise DeclarationError(
            f"{name!r} is a reserved name and no pipeline may bear it.",
            f"Rename the folder; reserved are {', '.join(sorted(RESERVED))}.",
        )
    nodes = {
        ("raw", table): Node("raw", table, raw, None, (), folder)
        for table, raw in declaration.raw.items()
    }
    declared: list[tuple[str, Mapping[str, CleanedTable | FeatureTable]]] = [
        ("cleaned", declaration.cleaned),
        ("features", declaration.features),
    ]
    for layer, tables in declared:
        _refuse_orphans(folder, layer, tables)
        for table, contract in tables.items():
            if isinstance(contract, FeatureTable):
                contract = _inherited(table, contract, declaration)
            nodes[layer, table] = _node(name, folder, layer, table, contract)
    pipeline = Pipeline(name, folder, declaration, nodes)
    _check(pipeline)
    return pipeline


def _inherited(table: str, contract: FeatureTable, declaration: Declaration) -> FeatureTable:
    """Return the contract with the key and time of the table whose rows it describes."""
    driving = declaration.cleaned.get(contract.rows.removeprefix("cleaned."))
    if driving is None:
        raise DeclarationError(
            f"features.{table} declares rows from {contract.rows}, no cleaned table.",
            f"Cleaned tables are {', '.join(f'cleaned.{name}' for name in declaration.cleaned)}.",
        )
    key, time = contract.key or driving.key, contract.time or driving.time
    taken = {
        name: Column(type=driving.columns[name].type, description=driving.columns[name].description)
        for name in (*key, *([time] if time else []))
        if name in driving.columns
    }
    return replace(contract, key=key, time=time, columns={**taken, **contract.columns})


def _node(
    name: str, folder: Path, layer: str, table: str, contract: CleanedTable | FeatureTable
) -> Node:
    path = folder / layer / f"{table}.sql"
    if not path.is_file():
        raise DeclarationError(
            f"{layer}.{table} is declared, but {layer}/{table}.sql does not exist.",
            f"Write its SELECT to {path} or remove the declaration.",
        )
    select = parse(path.read_text(encoding="utf-8"), str(path))
    # What the contract references is read as much as what the SELECT does.
    read = {*dependencies(select, name), *referenced(contract)} - {(layer, table)}
    return Node(layer, table, contract, select, tuple(_own(select, one) for one in sorted(read)))


def _own(select: Select, parts: tuple[str, ...]) -> TableName:
    if len(parts) != 2:
        raise DeclarationError(
            f"{select.path} reads {'.'.join(parts)}, a table of another pipeline.",
            "Load what it needs as a raw table of its own.",
        )
    return (parts[0], parts[1])


def _refuse_orphans(folder: Path, layer: str, tables: Mapping[str, Table]) -> None:
    for path in sorted((folder / layer).glob("*.sql")):
        if path.stem not in tables:
            raise DeclarationError(
                f"{layer}/{path.name} is not declared.",
                f"Declare {path.stem} under `{layer}:` in defs.yaml or remove the file.",
            )


def _check_by_layer(pipeline: Pipeline, node: Node) -> None:
    if isinstance(node.declared, RawTable):
        _check_raw(node)
    if isinstance(node.declared, CleanedTable):
        _check_driving(pipeline, node, node.declared)


def _check_raw(node: Node) -> None:
    for name in node.declared.columns:
        if name.lower() in OWN_COLUMNS:
            raise DeclarationError(
                f"{node.dotted} declares a column {name}, which the platform itself adds.",
                "Leave it out under columns, or rename it in the source; the platform's own are"
                f" {', '.join(sorted(OWN_COLUMNS))}.",
            )


def _check(pipeline: Pipeline) -> None:
    for node in pipeline.nodes.values():
        for upstream in node.upstream:
            _require_read(pipeline, node, ".".join(upstream))
        for column in (*_named(node.declared),):
            if column not in node.declared.columns:
                raise DeclarationError(
                    f"{node.dotted} names the column {column!r}, which it does not declare.",
                    f"Its columns are {', '.join(node.declared.columns)}.",
                )
        _check_by_layer(pipeline, node)
        require_moment(pipeline, node)
    try:
        _ = pipeline.ordered
    except CycleError as error:
        cycle = " -> ".join(".".join(name) for name in error.args[1])
        raise DeclarationError(
            f"The tables read each other in a circle: {cycle}.", "Break it."
        ) from error
    label = pipeline.node(pipeline.declaration.label.table)
    if not isinstance(label.declared, CleanedTable) or label.declared.known_at is None:
        raise DeclarationError(
            f"The label comes from {label.dotted}, which has no known_at.",
            "Take it from a cleaned table that says when its rows became known.",
        )


def _require_read(pipeline: Pipeline, node: Node, dotted: str) -> None:
    """Raise DeclarationError with the line of the SELECT that reads a table that is not there."""
    try:
        pipeline.node(dotted)
    except DeclarationError as error:
        lines = node.select.text.splitlines() if node.select is not None else []
        number = next((n for n, line in enumerate(lines, 1) if dotted in line), None)
        # What only the contract references stands in defs.yaml.
        if node.select is None or number is None:
            raise
        fact = f"{node.select.path}:{number}: {error.fact}"
        raise DeclarationError(fact, error.hint) from error


def _named(table: Table) -> tuple[str, ...]:
    if isinstance(table, RawTable):
        return ()
    moments = (
        (table.time, table.known_at, table.event_time)
        if isinstance(table, CleanedTable)
        else (table.time, table.prediction_time)
    )
    return (*table.key, *(moment for moment in moments if moment is not None))


def _check_driving(pipeline: Pipeline, node: Node, table: CleanedTable) -> None:
    driving = pipeline.node(table.rows)
    if len(table.rows_key) != len(table.key):
        raise DeclarationError(
            f"{node.dotted}: {len(table.key)} key columns, but {len(table.rows_key)} in rows_key.",
            "Write one expression over the driving table per key column, in the same order.",
        )
    if driving.name not in node.upstream:
        raise DeclarationError(
            f"{node.dotted} declares rows from {table.rows}, but its SELECT does not read it.",
            "Name the raw table whose rows it cleans.",
        )
    for fact in table.facts:
        if fact not in driving.declared.columns:
            raise DeclarationError(
                f"{node.dotted} lists the fact {fact!r}, no column of {table.rows}.",
                f"Its columns are {', '.join(driving.declared.columns)}.",
            )
