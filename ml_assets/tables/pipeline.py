"""A loaded pipeline: its tables as a graph, each with what it reads and its code version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import RESERVED
from ml_assets.sql.rules import referenced
from ml_assets.sql.select import Select, dependencies, fingerprint, parse
from ml_assets.sql.tables import CleanedTable, Column, FeatureTable, RawTable, Table
from ml_assets.tables.partitions import Partitions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml_assets.tables.declaration import Declaration

TableName = tuple[str, str]
"""Layer and table, such as ("cleaned", "weather")."""

BUILDER = 1
"""Raised when the platform changes what a build stores, so that older slices become stale."""

PROSE = frozenset({"description", "unit", "limits"})
"""Declared words that do not change what is stored."""


@dataclass(frozen=True)
class Node:
    """One table of a pipeline."""

    layer: str
    table: str
    declared: Table
    select: Select | None
    upstream: tuple[TableName, ...]
    """The tables that the SELECT and the contract's references read."""

    @property
    def name(self) -> TableName:
        """The layer and table."""
        return (self.layer, self.table)

    @property
    def dotted(self) -> str:
        """The name as users write it in SQL: cleaned.weather."""
        return f"{self.layer}.{self.table}"

    @property
    def partitioned(self) -> bool:
        """Whether the table is cut into the pipeline's time windows."""
        return self.declared.time is not None

    @cached_property
    def types(self) -> dict[str, str]:
        """Column names and their declared types, in order."""
        return {name: column.type for name, column in self.declared.columns.items()}

    @cached_property
    def code_version(self) -> str:
        """Hash of everything declared that decides what a build stores."""
        meaning = [BUILDER, _meaning(asdict(self.declared))]
        if self.select is not None:
            meaning.append(fingerprint(self.select))
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]


def _meaning(value: object) -> object:
    if isinstance(value, dict):
        return {key: _meaning(item) for key, item in value.items() if key not in PROSE}
    if isinstance(value, list | tuple):
        return [_meaning(item) for item in value]
    return value


@dataclass(frozen=True)
class Pipeline:
    """One folder under pipelines/, read and checked."""

    name: str
    folder: Path
    declaration: Declaration
    nodes: Mapping[TableName, Node]

    @cached_property
    def partitions(self) -> Partitions:
        """The pipeline's time windows."""
        return Partitions(self.declaration.partitions, self.declaration.time_zone)

    @cached_property
    def ordered(self) -> list[Node]:
        """The tables, each after what it reads."""
        graph = {node.name: sorted(node.upstream) for node in self.nodes.values()}
        return [self.nodes[name] for name in TopologicalSorter(graph).static_order()]

    def node(self, dotted: str) -> Node:
        """Return the table called `layer.table`; raises DeclarationError where there is none."""
        layer, _, table = dotted.partition(".")
        if (layer, table) not in self.nodes:
            known = ", ".join(node.dotted for node in self.nodes.values())
            raise DeclarationError(
                f"{self.name} has no table {dotted!r}.", f"Its tables are {known}."
            )
        return self.nodes[layer, table]

    def ancestors(self, node: Node) -> list[Node]:
        """Return every table `node` is built from, each after what it reads."""
        found: set[TableName] = set()
        queue = list(node.upstream)
        while queue:
            name = queue.pop()
            if name not in found:
                found.add(name)
                queue.extend(self.nodes[name].upstream)
        return [other for other in self.ordered if other.name in found]

    @property
    def features(self) -> list[Node]:
        """The feature tables, in declared order."""
        return [node for node in self.nodes.values() if node.layer == "features"]


def load(name: str, folder: Path, declaration: Declaration) -> Pipeline:
    """Read the pipeline's SELECTs beside its defs.yaml and check that the parts fit."""
    if name in RESERVED:
        raise DeclarationError(
            f"{name!r} is a reserved name and no pipeline may bear it.",
            f"Rename the folder; reserved are {', '.join(sorted(RESERVED))}.",
        )
    nodes = {
        ("raw", table): Node("raw", table, raw, None, ()) for table, raw in declaration.raw.items()
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


def _check(pipeline: Pipeline) -> None:
    for node in pipeline.nodes.values():
        for upstream in node.upstream:
            pipeline.node(".".join(upstream))
        for column in (*_named(node.declared),):
            if column not in node.declared.columns:
                raise DeclarationError(
                    f"{node.dotted} names the column {column!r}, which it does not declare.",
                    f"Its columns are {', '.join(node.declared.columns)}.",
                )
        if isinstance(node.declared, CleanedTable):
            _check_driving(pipeline, node, node.declared)
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
