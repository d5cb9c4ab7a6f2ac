"""Count what was scored into monitoring.days, slice by slice, with the labels that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.monitors.days import Days
from ml_assets.monitors.statistics import statistics
from ml_assets.sql.accounting import all_kept
from ml_assets.sql.names import qualified, quote
from ml_assets.tables.answered import answered
from ml_assets.tables.built import Built, in_one_transaction
from ml_assets.tables.days import COUNTER, days_arrow, days_table
from ml_assets.tables.due_scores import changed_inputs, score_features
from ml_assets.tables.outcomes import outcomes_sql
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.scores import scores_table
from ml_assets.tables.store import store_slices
from ml_assets.warehouse import ledger
from ml_assets.warehouse.slices import PARTITION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets.monitors.reference import Reference
    from ml_assets.tables.known_labels import KnownLabels
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline

_RELATION = "_days"


def due_days(
    con: DuckDBPyConnection, pipeline: Pipeline, known: KnownLabels, keys: Iterable[str | None]
) -> list[str | None]:
    """Return the scored slices whose statistics are missing or older than scores and labels.

    Where the features are not those that were scored any more, because the champion cannot be given
    today's, what was counted stays: other features beside these scores would show a drift.
    """
    stored = Stored(ledger.current(con, pipeline.name))
    before = {item.partition: item.inputs for item in stored.of(days_table(pipeline))}
    now = {key: _inputs(pipeline, stored, known, key) for key in keys}
    scored = {
        item.partition
        for item in stored.of(scores_table(pipeline))
        if not changed_inputs(pipeline, stored, item)
    }
    return [key for key in now if key in scored and before.get(key) != now[key]]


def count_window(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    scored: tuple[int, Reference] | None,
    known: KnownLabels,
    window: Window | None,
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> list[Built]:
    """Count the window's slices with the labels that are known, in the bins of who scored them.

    That is one version, or None where a version was trained on all of them.
    """
    return in_one_transaction(
        con,
        pipeline,
        days_table(pipeline),
        window,
        lambda: _count(con, pipeline, scored, known, window, run_id),
        run_id=run_id,
        on_wait=on_wait,
    )


def _count(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    scored: tuple[int, Reference] | None,
    known: KnownLabels,
    window: Window | None,
    run_id: str,
) -> list[Built]:
    table = days_table(pipeline)
    stored = Stored(ledger.current(con, pipeline.name))
    keys = window.keys if window else (None,)
    rows: dict[str | None, int] = {}
    counted = [days_arrow(0, Days.empty(), None)]
    if scored is not None:
        version, reference = scored
        for key, outcomes in _outcomes(con, pipeline, reference, known, window):
            rows[key] = outcomes.num_rows
            counted.append(
                days_arrow(version, _statistics(pipeline, outcomes, reference, known), key)
            )
    con.register(_RELATION, pa.concat_tables(counted))
    return store_slices(
        con,
        pipeline,
        table,
        [
            Built(table, key, all_kept(table.dotted, "predictions.scores", rows.get(key, 0)))
            for key in keys
        ],
        kept=f"SELECT {table.casts}, {quote(PARTITION)} FROM {_RELATION}",
        rejected=None,
        inputs=lambda partition: _inputs(pipeline, stored, known, partition),
        run_id=run_id,
    )


def _outcomes(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    reference: Reference,
    known: KnownLabels,
    window: Window | None,
) -> Iterator[tuple[str | None, pa.Table]]:
    """Yield the scores of each slice with the features that count, and what is known of labels."""
    names = [name for name in reference.bins if name in reference.importance]
    keys = window.keys if window else None
    rows = con.execute(outcomes_sql(pipeline, known.as_of, names, keys)).to_arrow_table()
    if keys is None:
        yield None, rows
    for key in keys or ():
        yield key, rows.filter(pc.equal(rows[PARTITION], key))


def scoring_versions(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str | None, int]:
    """Return by slice the version that scored it, where that was not trained on all of it."""
    scores = qualified(pipeline.name, "predictions", "scores")
    return dict(
        con.execute(
            f"SELECT {quote(PARTITION)}, max(model_version) FROM {scores}"
            " WHERE NOT trained_on GROUP BY ALL"
        ).fetchall()
    )


def _statistics(
    pipeline: Pipeline, scored: pa.Table, reference: Reference, known: KnownLabels
) -> Days:
    found = answered(scored, reference.days.classes)
    return statistics(
        pipeline.declaration.model.problem,
        scored["_cluster"].to_numpy(),
        found.score,
        found.label,
        scored,
        reference.bins,
        known.settled,
        found.classes,
    )


def _inputs(
    pipeline: Pipeline, stored: Stored, known: KnownLabels, key: str | None
) -> dict[str, dict[str, str]]:
    label = pipeline.node(pipeline.declaration.label.table)
    scored = {item.partition: item for item in stored.of(scores_table(pipeline))}
    own = scored.get(key)
    labels = {item.partition: item.data_version for item in stored.of(label)}
    name = key or WHOLE
    return {
        # Features that move no score are counted as well.
        **({} if own is None else score_features(own)),
        "predictions.scores": {name: "" if own is None else own.data_version},
        label.dotted: {name: f"{labels.get(key, '')} {known.counts.get(name, 0)} known"},
        "settled": {name: known.settled_in(pipeline, key)},
        "counter": {WHOLE: COUNTER},
    }
