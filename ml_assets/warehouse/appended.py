"""Append-only ledgers of the loop: decisions, promotions and resets, with event and wall time.

The first time of each is read from the clock that can be set, so that a replay of the past has
cooldowns of its own; `wall_time` is the machine's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_assets.sql.names import qualified
from ml_assets.warehouse.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """One evaluation of the policy."""

    decided_at: datetime
    event_time: datetime | None
    action: str
    cause: str | None
    reason: str
    episode: str | None
    until: datetime | None
    run_id: str


@dataclass(frozen=True, kw_only=True)
class PromotionRow:
    """What the gate, or a person, said of a version: also when it stays where it is."""

    promoted_at: datetime
    promoted: bool
    """Whether `to_version` became champion."""
    from_version: int | None
    """The champion before; None for the first."""
    to_version: int
    reason: str
    decided_by: str
    """gate, a person's name from the command line, or mlflow for an alias changed by hand."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    episode: str | None = None
    run_id: str | None = None

    def is_about(self, version: int) -> bool:
        """Return whether `version` was judged here: as itself, or as the challenger of a refit."""
        return version in (self.to_version, self.numbers.get("challenger"))

    @property
    def waits(self) -> bool:
        """Whether no losses were compared, for lack of rows: the version has a look to come."""
        if self.promoted or "window" not in self.numbers:
            return False
        criteria = self.numbers.get("criteria")
        return not criteria or criteria[0]["passed"] is None


@dataclass(frozen=True, kw_only=True)
class ResetRow:
    """A person let the loop go on after its breaker opened."""

    reset_at: datetime
    reason: str
    decided_by: str


Row = DecisionRow | PromotionRow | ResetRow
_TABLES: dict[type[Row], str] = {
    DecisionRow: "decisions",
    PromotionRow: "promotions",
    ResetRow: "resets",
}


def append(
    con: duckdb.DuckDBPyConnection, pipeline: str, row: Row, *, on_wait: Callable[[str], None]
) -> None:
    """Store one row of its ledger in a transaction of its own."""
    commit(
        con,
        pipeline,
        lambda: insert(con, pipeline, row),
        message=f"ops.{_TABLES[type(row)]}",
        extra={},
        on_wait=on_wait,
    )


def insert(con: duckdb.DuckDBPyConnection, pipeline: str, row: Row) -> None:
    """Store one row of its ledger in the open transaction."""
    values = {name: _plain(value) for name, value in vars(row).items()}
    values["wall_time"] = datetime.now(UTC)
    con.execute(
        f"INSERT INTO {qualified(pipeline, 'ops', _TABLES[type(row)])} ({', '.join(values)})"
        f" VALUES ({', '.join('?' * len(values))})",
        list(values.values()),
    )


def decisions(con: duckdb.DuckDBPyConnection, pipeline: str) -> list[DecisionRow]:
    """Return every decision, oldest first."""
    return [DecisionRow(**row) for row in _rows(con, pipeline, DecisionRow, "decided_at")]


def promotions(con: duckdb.DuckDBPyConnection, pipeline: str) -> list[PromotionRow]:
    """Return every promotion and refusal, oldest first."""
    return [
        PromotionRow(**{**row, "numbers": json.loads(row["numbers"])})
        for row in _rows(con, pipeline, PromotionRow, "promoted_at")
    ]


def about(rows: Sequence[PromotionRow], version: int) -> PromotionRow | None:
    """Return the newest of `rows`, oldest first, about a version or its refit; None without one."""
    return next((row for row in reversed(rows) if row.is_about(version)), None)


def last_live(rows: Sequence[PromotionRow]) -> PromotionRow | None:
    """Return the newest of `rows`, oldest first, whose version went live; None before the first."""
    return next((row for row in reversed(rows) if row.promoted), None)


def resets(con: duckdb.DuckDBPyConnection, pipeline: str) -> list[ResetRow]:
    """Return every reset, oldest first."""
    return [ResetRow(**row) for row in _rows(con, pipeline, ResetRow, "reset_at")]


def _rows(
    con: duckdb.DuckDBPyConnection, pipeline: str, kind: type[Row], order: str
) -> list[dict[str, Any]]:
    names = list(kind.__dataclass_fields__)
    table = qualified(pipeline, "ops", _TABLES[kind])
    rows = con.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}, wall_time")
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | datetime) else json.dumps(value)
