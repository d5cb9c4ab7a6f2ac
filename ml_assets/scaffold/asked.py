"""A column that somebody names, found whatever its case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.hints import did_you_mean, listed

if TYPE_CHECKING:
    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.table import Table


def column_named(table: Table, name: str, option: str) -> Column:
    """Return the column that `option` names; raises DataError with the nearest name."""
    for column in table.columns:
        if name.lower() == column.source.lower():
            return column
    names = [column.source for column in table.columns]
    raise DataError(
        f"{option} {name}: {table.name} has no such column.",
        f"It has {listed(names, 30)}.{did_you_mean(name, names)}",
    )
