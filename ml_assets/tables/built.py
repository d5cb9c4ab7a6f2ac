"""What became of slices: stored in one transaction, or refused with nothing stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ml_assets.errors import DataError
from ml_assets.warehouse.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.sql.accounting import Accounting
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline


class Target(Protocol):
    """A table that slices are stored in: one of the pipeline's own, or one the platform makes."""

    @property
    def layer(self) -> str:
        """Its schema."""

    @property
    def table(self) -> str:
        """Its name there."""

    @property
    def dotted(self) -> str:
        """Both, as users write them in SQL."""

    @property
    def types(self) -> Mapping[str, str]:
        """Column names and their types, in order."""

    @property
    def partitioned(self) -> bool:
        """Whether it is cut into the pipeline's time windows."""

    @property
    def code_version(self) -> str:
        """Hash of everything that decides what a build stores."""


@dataclass(frozen=True)
class Built:
    """What became of one slice; with faults nothing of it was stored."""

    node: Target
    partition: str | None
    accounting: Accounting
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Per failed check what is wrong."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows for which each declared predicate holds."""
    data_version: str = ""
    snapshot: int = 0
    """The snapshot that was read."""


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
    node: Target,
    window: Window | None,
    work: Callable[[], Sequence[Built]],
    *,
    run_id: str,
    on_wait: Callable[[str], None],
    prepare: Callable[[], None] | None = None,
) -> list[Built]:
    """Let `work` check and store the window's slices in one transaction; return what it did.

    `prepare` puts into temporary tables what `work` reads more than once; see `commit`.
    """
    committed = commit(
        con,
        pipeline.name,
        work,
        message=f"{node.dotted} {window.name if window else ''}".strip(),
        extra={"run_id": run_id},
        on_wait=on_wait,
        prepare=prepare,
    )
    return [replace(item, snapshot=committed.snapshot_before) for item in committed.value]


def refuse(
    node: Target, partition: str | None, accounting: Accounting, faults: dict[str, list[str]]
) -> None:
    """Raise SliceFaultError, which rolls the transaction back, where a check has faults."""
    found = {check: texts for check, texts in faults.items() if texts}
    if found:
        raise SliceFaultError(Built(node, partition, accounting, found))
