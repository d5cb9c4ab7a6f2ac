"""The columns of a table as the UI shows them: words, unit, rules and raw origin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from ml_assets.assets.lineage import Lineage
    from ml_assets.sql.tables import Column
    from ml_assets.tables.pipeline import Node

_CLAUSE = re.compile(r"[.;](?=\s|$)")
"""What ends a clause of a description; a point within a number does not."""


def column_schema(node: Node, lineage: Lineage | None) -> dg.TableSchema:
    """Return the declared columns as the UI shows them, with the raw columns they come from."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                column.type,
                description=_told(name, column, lineage),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable or node.layer == "raw", other=_rules(column)
                ),
            )
            for name, column in node.declared.columns.items()
        ]
    )


def _told(name: str, column: Column, lineage: Lineage | None) -> str | None:
    origin = lineage.told(name) if lineage is not None else ""
    return " ".join(part for part in (_measured(column), origin) if part) or None


def _measured(column: Column) -> str:
    """Return what the column says, with the unit: `Gust speed [mph]; empty without any.`."""
    text = column.description.strip()
    if text and text[-1] not in ".!?":
        text += "."
    if not column.unit:
        return text
    end = _CLAUSE.search(text)
    at = end.start() if end is not None else len(text)
    return f"{text[:at]} [{column.unit}]{text[at:]}".lstrip()


def _rules(column: Column) -> list[str]:
    rules = []
    if column.min is not None:
        rules.append(f">= {column.min:g}")
    if column.max is not None:
        rules.append(f"<= {column.max:g}")
    if column.allowed is not None:
        rules.append(f"one of {', '.join(column.allowed)}")
    if column.references is not None:
        rules.append(f"in {column.references}")
    return rules
