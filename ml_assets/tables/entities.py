"""The features of all entities, joined, as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.sql.tables import FeatureTable
from ml_assets.tables.spine import own_features, spine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.tables.pipeline import Node, Pipeline


def entities_sql(pipeline: Pipeline, names: list[str], partitions: Sequence[str] | None) -> str:
    """Return the SELECT of the features `names` and the times of all entities, by key.

    With `partitions`, only of those in these.
    """
    node, table = spine(pipeline)
    key = list(table.key)
    wanted = [name for name in names if name not in key]
    times = [name for name in (table.time, table.prediction_time) if name and name not in key]
    return f"""
        SELECT {columns(list(dict.fromkeys([*key, *times, "_partition", *wanted])))}
        FROM ({joined(pipeline, node, table, wanted)})
        WHERE {among(partitions)}
        ORDER BY {columns(key)}
    """


def joined(pipeline: Pipeline, node: Node, table: FeatureTable, wanted: list[str]) -> str:
    """Return the SELECT of the spine with `wanted` columns of all feature tables."""
    joins = [f"{qualified(pipeline.name, *node.name)} AS spine"]
    selected = ["spine.*"]
    for other in pipeline.features:
        if other.name == node.name or not isinstance(other.declared, FeatureTable):
            continue
        # Only what is wanted: an older snapshot may lack what was declared since.
        own = [name for name in own_features(other) if name in wanted]
        if not own:
            continue
        alias = quote(other.table)
        selected.extend(f"{alias}.{quote(name)}" for name in own)
        matches = " AND ".join(
            f"spine.{quote(name)} = {alias}.{quote(name)}" for name in other.declared.key
        )
        # A partition prunes files on both sides of the join.
        if other.partitioned and table.time:
            matches += f" AND spine._partition = {alias}._partition"
        joins.append(f"LEFT JOIN {qualified(pipeline.name, *other.name)} AS {alias} ON {matches}")
    return f"SELECT {', '.join(selected)} FROM {' '.join(joins)}"


def among(partitions: Sequence[str] | None) -> str:
    """Return SQL for what is in one of `partitions`, with None for everything."""
    if partitions is None:
        return "true"
    return f"_partition IN ({', '.join(literal(key) for key in partitions) or 'NULL'})"
