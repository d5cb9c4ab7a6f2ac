"""The table of a replay, read from the ledgers of its lake: what each partition came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets import clock
from ml_assets.errors import DataError
from ml_assets.loop.decision import ASKS
from ml_assets.ml import bootstrap
from ml_assets.ml.bootstrap import Resampling
from ml_assets.sql.names import qualified
from ml_assets.sql.windows import instant
from ml_assets.tables.answered import answered
from ml_assets.tables.findings import MONITORS
from ml_assets.tables.outcomes import outcomes_sql
from ml_assets.warehouse.appended import decisions, promotions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ml_assets.ml.results import Estimate
    from ml_assets.replay.calendar import Tick
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.appended import DecisionRow, PromotionRow


@dataclass(frozen=True, kw_only=True)
class Period:
    """One partition of a replay."""

    partition: str
    rows: int
    """Rows that were scored."""
    version: int | None
    """Who scored them; None where nothing was."""
    coverage: float
    """Share of the rows whose label is known at the end of the replay."""
    metrics: Mapping[str, Estimate]
    """On rows with a label, with 95 % intervals from days; empty where they are not defined."""
    verdicts: Mapping[str, str]
    """Cause to what was said of it when it was decided; it may be looked at again later."""
    decision: str
    reason: str
    gate: str
    """What the gate said of a challenger; empty without one."""
    promoted: bool
    after: int | None
    """Who was live before the next refresh."""


@dataclass(frozen=True)
class _Ledgers:
    """The ledgers as they are at the end."""

    decisions: Sequence[DecisionRow]
    promotions: Sequence[PromotionRow]

    def decided(self, start: datetime, end: datetime | None) -> DecisionRow | None:
        """Return the first decision between two ticks that asked for a run, else the first."""
        found = [row for row in self.decisions if _between(row.decided_at, start, end)]
        return next((row for row in found if row.action in ASKS), next(iter(found), None))

    def judged(self, start: datetime, end: datetime | None) -> PromotionRow | None:
        """Return the last answer of the gate between two ticks."""
        found = (
            row
            for row in reversed(self.promotions)
            if row.from_version is not None and _between(row.promoted_at, start, end)
        )
        return next(found, None)

    def live(self, end: datetime | None) -> int | None:
        """Return who was champion just before `end`."""
        found = [
            row.to_version
            for row in self.promotions
            if row.promoted and (end is None or row.promoted_at < end)
        ]
        return found[-1] if found else None


def read_periods(
    con: DuckDBPyConnection, pipeline: Pipeline, calendar: Sequence[Tick]
) -> list[Period]:
    """Return what each partition after the first tick came to, as far as it was lived through."""
    ledgers = _Ledgers(decisions(con, pipeline.name), promotions(con, pipeline.name))
    ends = [*(tick.at for tick in calendar[1:]), None]
    return [
        _period(con, pipeline, ledgers, tick, key, until)
        for tick, until in list(zip(calendar, ends, strict=True))[1:]
        for key in tick.partitions
    ]


def _period(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    ledgers: _Ledgers,
    tick: Tick,
    key: str,
    until: datetime | None,
) -> Period:
    rows, version, labelled, metrics = _scored(con, pipeline, key)
    # Of partitions that came together the last one stands for the tick.
    last = key == tick.partitions[-1]
    decided = ledgers.decided(tick.at, until) if last else None
    judged = ledgers.judged(tick.at, until) if last else None
    return Period(
        partition=key,
        rows=rows,
        version=version,
        coverage=labelled / rows if rows else 0.0,
        metrics=metrics,
        verdicts=_verdicts(con, pipeline, tick, key),
        decision=decided.action if decided else "",
        reason=decided.reason if decided else "",
        gate=judged.reason if judged else "",
        promoted=judged is not None and judged.promoted,
        after=ledgers.live(until),
    )


def _scored(
    con: DuckDBPyConnection, pipeline: Pipeline, key: str
) -> tuple[int, int | None, int, dict[str, Estimate]]:
    """Return rows, version, rows with a label and metrics of one scored partition."""
    found = con.execute(outcomes_sql(pipeline, clock.now(), [], [key])).to_arrow_table()
    if not found.num_rows:
        return 0, None, 0, {}
    version = int(found["_version"][0].as_py())
    known = found.filter(found["_label"].is_valid())
    _, days = np.unique(known["_cluster"].to_numpy(), return_inverse=True)
    spec, resamples = pipeline.declaration.model, pipeline.declaration.evaluation.resamples
    try:
        sampling = Resampling(days.astype(np.int64), resamples, spec.seed)
        given = answered(known)
        metrics = bootstrap.estimate(spec.problem, given.label, given.score, sampling)
    except DataError:
        metrics = {}
    return found.num_rows, version, known.num_rows, metrics


def _verdicts(con: DuckDBPyConnection, pipeline: Pipeline, tick: Tick, key: str) -> dict[str, str]:
    """Return what the monitors said of a partition when the tick's first decision was made."""
    row = con.execute(
        f"SELECT min(wall_time) FROM {qualified(pipeline.name, 'ops', 'decisions')}"
        f" WHERE decided_at >= {instant(tick.at)}"
    ).fetchone()
    then = None if row is None else row[0]
    if then is None:
        return {}
    found: dict[str, str] = {}
    for monitor in MONITORS:
        table = qualified(pipeline.name, "monitoring", monitor)
        found |= con.execute(
            f"SELECT cause, verdict FROM {table} AT (TIMESTAMP => {instant(then)})"
            " WHERE period = ? ORDER BY cause",
            [key],
        ).fetchall()
    return found


def _between(moment: datetime, start: datetime, end: datetime | None) -> bool:
    return start <= moment and (end is None or moment < end)
