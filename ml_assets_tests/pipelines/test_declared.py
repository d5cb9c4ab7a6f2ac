"""What every pipeline must declare, whatever it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.sql.lineage import column_lineage
from ml_assets.sql.rules import row_rules
from ml_assets.sql.tables import CleanedTable, FeatureTable
from ml_assets.tables.spine import feature_names
from ml_assets.tables.visibility import lookback

if TYPE_CHECKING:
    from ml_assets.tables.pipeline import Pipeline


def test_tables_and_columns_are_described(pipeline: Pipeline) -> None:
    silent = [node.dotted for node in pipeline.nodes.values() if not node.declared.description]
    silent += [
        f"{node.dotted}.{name}"
        for node in pipeline.nodes.values()
        for name, column in node.declared.columns.items()
        if not column.description
    ]
    assert silent == []


def test_events_say_when_they_are_known_and_features_when_they_predict(pipeline: Pipeline) -> None:
    for node in pipeline.nodes.values():
        table = node.declared
        if isinstance(table, CleanedTable):
            assert (table.known_at is None) == (table.time is None), node.dotted
        if isinstance(table, FeatureTable):
            assert (table.prediction_time is None) == (table.time is None), node.dotted


def test_facts_are_known_once(pipeline: Pipeline) -> None:
    """A raw column that two tables make known has no one moment of knowledge."""
    known = [
        (table.rows, fact)
        for node in pipeline.nodes.values()
        if isinstance(table := node.declared, CleanedTable)
        for fact in table.facts
    ]
    assert len(known) == len(set(known))


def test_contracts_can_be_compiled(pipeline: Pipeline) -> None:
    for node in pipeline.nodes.values():
        row_rules(node.declared)
        assert lookback(node).total_seconds() >= 0


def test_every_column_but_a_constant_comes_from_raw(pipeline: Pipeline) -> None:
    """Followed upstream, each feature ends at columns of raw tables."""
    schemas = {node.name: node.types for node in pipeline.nodes.values()}
    origins = {
        (*node.name, column): {(layer, table, name) for layer, table, name in found}
        for node in pipeline.nodes.values()
        if node.select is not None
        for column, found in column_lineage(node.select, schemas).items()
    }

    def roots(column: tuple[str, str, str]) -> set[tuple[str, str, str]]:
        if column[0] == "raw":
            return {column}
        return {root for parent in origins[column] for root in roots(parent)}

    for node in pipeline.features:
        for name in node.types:
            found = roots((*node.name, name))
            assert found, f"{node.dotted}.{name}"
            for _, table, column in found:
                assert column in pipeline.nodes["raw", table].types


def test_the_model_has_features_and_the_label_is_none(pipeline: Pipeline) -> None:
    names = feature_names(pipeline)
    label = pipeline.node(pipeline.declaration.label.table)
    assert len(names) == len(set(names)) > 0
    assert isinstance(label.declared, CleanedTable)
    assert not set(names) & set(label.declared.facts)
