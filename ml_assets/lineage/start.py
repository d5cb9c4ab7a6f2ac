"""The slice that a question is about: it must be there, or the answer says what is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import DataError, DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ml_assets.lineage.names import SliceName
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.ledger import Slice

SHOWN = 12


def start_of(
    pipeline: Pipeline,
    history: Iterable[tuple[int, Slice]],
    table: str,
    partition: str | None,
) -> SliceName:
    """Return the slice; DeclarationError or DataError for a table or partition that is none."""
    stored: dict[str, set[str | None]] = {}
    for _, item in history:
        stored.setdefault(item.table, set()).add(item.partition)
    if table not in stored:
        raise _no_table(pipeline, stored, table)
    keys = sorted(key for key in stored[table] if key is not None)
    if partition in stored[table]:
        return table, partition
    if not keys:
        raise DataError(f"{table} is stored whole, not by partition.", "Leave the partition out.")
    if partition is None:
        raise DataError(f"{table} is stored by partition.", f"Name one of {_some(keys)}.")
    raise DataError(f"{table} has no slice {partition}.", f"It has {_some(keys)}.")


def _no_table(
    pipeline: Pipeline, stored: Iterable[str], table: str
) -> DeclarationError | DataError:
    if table in {node.dotted for node in pipeline.ordered}:
        return DataError(
            f"{pipeline.name}.{table} was never built.",
            f"Materialize it, or run `ml-assets run {pipeline.name}`.",
        )
    return DeclarationError(
        f"{pipeline.name} has no table {table!r}.", f"It has {', '.join(sorted(stored))}."
    )


def _some(keys: Sequence[str]) -> str:
    if len(keys) <= SHOWN:
        return ", ".join(keys)
    return f"{keys[0]} to {keys[-1]}"
