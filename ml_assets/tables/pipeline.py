"""A loaded pipeline: its tables as a graph, each with what it reads and its code version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.select import Select, fingerprint
from ml_assets.tables.partitions import Partitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.sql.tables import Table
    from ml_assets.tables.declaration import Declaration

TableName = tuple[str, str]
"""Layer and table, such as ("cleaned", "weather")."""

BUILDER = 1
"""Raised when the platform changes what a build stores, so that older slices become stale."""

PROSE = frozenset({"description", "unit", "limits", "static"})
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
    folder: Path = Path()
    """The pipeline's folder, in which a source may find what it needs."""

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
        return code_hash(meaning)


def code_hash(meaning: object) -> str:
    """Return a short hash of what code means, as JSON has it."""
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
