"""Column lineage from the SELECTs, as the UI draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.sql.lineage import column_lineage

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline, TableName


def table_lineage(pipeline: Pipeline) -> dict[TableName, dg.TableColumnLineage]:
    """Return, per table with a SELECT, which upstream columns each column comes from."""
    schemas = {node.name: node.types for node in pipeline.nodes.values()}
    found = {}
    for node in pipeline.nodes.values():
        if node.select is not None:
            columns = column_lineage(node.select, schemas)
            found[node.name] = dg.TableColumnLineage(
                {
                    column: [
                        dg.TableColumnDep(dg.AssetKey([pipeline.name, layer, table]), upstream)
                        for layer, table, upstream in sorted(origins)
                    ]
                    for column, origins in columns.items()
                }
            )
    return found
