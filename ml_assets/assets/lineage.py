"""Column lineage from the SELECTs: the step before, as Dagster stores it, and the raw origin."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.sql.lineage import column_lineage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_assets.tables.pipeline import Pipeline, TableName

Origin = tuple[str, ...]
"""Layer, table and column."""


@dataclass(frozen=True)
class Lineage:
    """Where the columns of one table come from."""

    upstream: dict[str, list[Origin]]
    """The columns of the tables its SELECT reads, by output column."""
    raw: dict[str, list[Origin]]
    """The columns of raw tables at the beginning of the chain, by output column."""

    def recorded(self, pipeline: str) -> dg.TableColumnLineage:
        """Return the step before as Dagster stores it."""
        return dg.TableColumnLineage(
            {
                column: [
                    dg.TableColumnDep(dg.AssetKey([pipeline, *origin[:2]]), origin[2])
                    for origin in origins
                ]
                for column, origins in self.upstream.items()
            }
        )

    def told(self, column: str) -> str:
        """Return the raw origin in words: `From raw.flights (dep_delay, origin).`."""
        tables = groupby(self.raw.get(column, ()), key=lambda origin: origin[:2])
        parts = [
            f"{'.'.join(table)} ({', '.join(origin[2] for origin in origins)})"
            for table, origins in tables
        ]
        return f"From {', '.join(parts)}." if parts else ""


def table_lineage(pipeline: Pipeline) -> dict[TableName, Lineage]:
    """Return the lineage of every table with a SELECT."""
    schemas = {node.name: node.types for node in pipeline.nodes.values()}
    found: dict[TableName, Lineage] = {}
    for node in pipeline.ordered:
        if node.select is not None:
            columns = column_lineage(node.select, schemas)
            upstream = {column: sorted(origins) for column, origins in columns.items()}
            raw = {column: _raw(origins, found) for column, origins in upstream.items()}
            found[node.name] = Lineage({name: list(of) for name, of in upstream.items()}, raw)
    return found


def _raw(origins: Iterable[Origin], found: dict[TableName, Lineage]) -> list[Origin]:
    """Follow `origins` to the raw layer through the lineage of the tables on the way."""
    raw: set[Origin] = set()
    for layer, table, column in origins:
        if layer == "raw":
            raw.add((layer, table, column))
        else:
            raw.update(found[layer, table].raw.get(column, ()))
    return sorted(raw)
