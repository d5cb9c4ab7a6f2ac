"""Decisions that rest on data: evaluations of the policy, and looks of the gate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_assets.lineage.names import DAYS, FINDINGS
from ml_assets.sql.names import qualified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.lineage.reach import Reach
    from ml_assets.lineage.registered import Registered
    from ml_assets.tables.pipeline import Pipeline


@dataclass(frozen=True)
class Judged:
    """One decision, with the snapshot of the lake whose data it judged."""

    snapshot: int
    at: datetime
    who: str
    """policy or gate."""
    action: str
    reason: str
    version: int | None
    """The champion then, or the version that was looked at."""
    window: tuple[str, ...] = ()
    """The partitions whose rows the gate compared."""


def judged(con: DuckDBPyConnection, pipeline: Pipeline) -> list[Judged]:
    """Return all decisions, in the order of the snapshots they judged."""
    found = [*_looks(con, pipeline), *_evaluations(con, pipeline)]
    return sorted(found, key=lambda one: (one.snapshot, one.at))


def evidence(
    pipeline: Pipeline, reach: Reach, one: Judged, versions: dict[int, Registered]
) -> tuple[str, ...]:
    """Return the reached partitions that a decision judged, as of its snapshot."""
    if one.who == "gate":
        return _compared(reach, one, versions)
    return tuple(
        sorted(
            {
                key
                for monitor in FINDINGS
                for key in _newest(pipeline, reach, monitor, one.version)
                if (monitor, key) in reach.reached
            }
        )
    )


def _compared(reach: Reach, one: Judged, versions: dict[int, Registered]) -> tuple[str, ...]:
    known = versions.get(one.version) if one.version is not None else None
    tables = {table for table, _ in reach.slices} if known is None else known.tables
    keys = {key for table, key in reach.reached if table in tables}
    return one.window if None in keys else tuple(key for key in one.window if key in keys)


def _newest(pipeline: Pipeline, reach: Reach, monitor: str, version: int | None) -> list[str]:
    """Return the partitions with what a monitor said last of `version`, as many as a trigger asks.

    Of broken data the newest counts, whoever was live.
    """
    keys = sorted(key for table, key in reach.slices if table == monitor and key is not None)
    if monitor == FINDINGS[0]:
        return keys[-1:]
    own = [key for key in keys if reach.scored_by.get((DAYS, key)) == version]
    rules = vars(pipeline.declaration.retraining.trigger).values()
    return own[-max((rule.of for rule in rules if hasattr(rule, "of")), default=1) :]


def _looks(con: DuckDBPyConnection, pipeline: Pipeline) -> Iterator[Judged]:
    for _, row in _rows(con, pipeline, "promotions", "promoted_at"):
        numbers = json.loads(row["numbers"])
        if numbers.get("window"):
            yield Judged(
                snapshot=numbers["snapshot"],
                at=row["promoted_at"],
                who="gate",
                action="promoted" if row["promoted"] else "refused",
                reason=row["reason"],
                version=numbers["challenger"],
                window=tuple(numbers["window"]),
            )


def _evaluations(con: DuckDBPyConnection, pipeline: Pipeline) -> Iterator[Judged]:
    live = [
        (snapshot, row["to_version"])
        for snapshot, row in _rows(con, pipeline, "promotions", "promoted_at")
        if row["promoted"]
    ]
    for snapshot, row in _rows(con, pipeline, "decisions", "decided_at"):
        before = [version for since, version in live if since < snapshot]
        yield Judged(
            snapshot=snapshot,
            at=row["decided_at"],
            who="policy",
            action=row["action"],
            reason=row["reason"],
            version=before[-1] if before else None,
        )


def _rows(
    con: DuckDBPyConnection, pipeline: Pipeline, ledger: str, order: str
) -> list[tuple[int, dict[str, Any]]]:
    """Return the rows of a ledger, each with the snapshot that its transaction made."""
    table = qualified(pipeline.name, "ops", ledger)
    result = con.execute(f"SELECT snapshot_id, * FROM {table} ORDER BY snapshot_id, {order}")
    names = [column[0] for column in result.description]
    return [(row[0], dict(zip(names, row, strict=True))) for row in result.fetchall()]
