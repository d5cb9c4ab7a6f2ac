"""What became of a slice: stored in one transaction, or refused with nothing stored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.warehouse.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.pipeline import Node, Pipeline

Result = tuple["Accounting", dict[str, int], str]
"""Accounting, counted rows and data version of a stored slice."""


@dataclass(frozen=True)
class Built:
    """What became of one slice; with faults nothing of it was stored."""

    node: Node
    partition: str | None
    accounting: Accounting
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Per failed check what is wrong."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows for which each declared predicate holds."""
    data_version: str = ""
    snapshot: int = 0
    """The snapshot that was read."""
    seconds: float = 0.0


class SliceFaultError(DataError):
    """A slice broke its contract; `built` says how."""

    def __init__(self, built: Built) -> None:
        where = built.node.dotted + (f" {built.partition}" if built.partition else "")
        lines = "\n".join(f"- {text}" for texts in built.faults.values() for text in texts)
        super().__init__(
            f"{where} breaks its contract, so nothing of it was stored:\n{lines}\n",
            "Mend the source, the SELECT or the contract in defs.yaml, and materialize it again.",
        )
        self.built = built


def in_one_transaction(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    partition: str | None,
    work: Callable[[], Result],
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> Built:
    """Let `work` check and store the slice in one transaction, and say what came of it."""
    start = time.monotonic()
    committed = commit(
        con,
        pipeline.name,
        work,
        message=f"{node.dotted} {partition or ''}".strip(),
        extra={"run_id": run_id},
        on_wait=on_wait,
    )
    accounting, counts, version = committed.value
    return Built(
        node,
        partition,
        accounting,
        counts=counts,
        data_version=version,
        snapshot=committed.snapshot_before,
        seconds=time.monotonic() - start,
    )


def refuse(
    node: Node, partition: str | None, accounting: Accounting, faults: dict[str, list[str]]
) -> None:
    """Raise SliceFaultError, which rolls the transaction back, where a check has faults."""
    found = {check: texts for check, texts in faults.items() if texts}
    if found:
        raise SliceFaultError(Built(node, partition, accounting, found))
