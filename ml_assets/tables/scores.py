"""The scores: one row per entity and partition, with the version that gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets import clock
from ml_assets.errors import DataError
from ml_assets.ml.classes import to_maps
from ml_assets.ml.training_table import MULTICLASS
from ml_assets.sql.accounting import all_kept
from ml_assets.sql.names import columns, literal, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.built import Built, in_one_transaction
from ml_assets.tables.derived import Derived
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.plan import WHOLE, Stored
from ml_assets.tables.spine import spine
from ml_assets.tables.store import store_slices
from ml_assets.warehouse import ledger
from ml_assets.warehouse.slices import PARTITION
from ml_assets.warehouse.snapshots import current_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from ml_assets.ml.training_table import Floats
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Pipeline

SCORER = "scorer 1"
"""Raised when the platform changes what it stores for a score."""
MODEL = "model"
"""The name under which the ledger records, as an input, the version that scored a slice."""
SCORED = {"score": "DOUBLE", "model_version": "INTEGER", "trained_on": "BOOLEAN"}
"""What is stored of a score, beside the entity's key and times. Of several classes `score` is the
probability of the one that is predicted."""
OF_CLASSES = {"predicted": "VARCHAR", "probabilities": "MAP(VARCHAR, DOUBLE)"}
"""What is stored besides where there are several classes."""
WORDS = {
    "score": "Probability of the label, or of the predicted class; its unit for regression.",
    "model_version": "The version that gave the score.",
    "trained_on": "Whether that version saw rows of this partition, which flatters its scores.",
    "predicted": "The class with the highest probability.",
    "probabilities": "The probability of each class.",
}
_RELATION = "_scored"


@dataclass(frozen=True)
class Scorer:
    """The version that scores: resolved once, so that a run never mixes two."""

    version: int
    features: list[str]
    trained_on: frozenset[str]
    """Partitions with rows the model was trained or tuned on: its scores there flatter it."""
    predict: Callable[[pa.Table], Floats]
    classes: tuple[str, ...] = ()


def scores_table(pipeline: Pipeline) -> Derived:
    """Return the declaration of predictions.scores: the entity's key and times, and the score."""
    node, table = spine(pipeline)
    own = [*table.key, *([table.time] if table.time else []), table.prediction_time or ""]
    types = {name: node.types[name] for name in dict.fromkeys(own)}
    several = pipeline.declaration.model.problem == MULTICLASS
    answers = {**SCORED, **(OF_CLASSES if several else {})}
    words = {name: table.columns[name].description for name in types}
    return Derived(
        "predictions", "scores", {**types, **answers}, SCORER, node.partitioned, {**words, **WORDS}
    )


def score_window(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    scorer: Scorer,
    window: Window | None,
    *,
    run_id: str,
    on_wait: Callable[[str], None],
) -> list[Built]:
    """Score the entities of the window's slices, all or none; DataError for a bad score."""
    return in_one_transaction(
        con,
        pipeline,
        scores_table(pipeline),
        window,
        lambda: _score(con, pipeline, scorer, window, run_id),
        run_id=run_id,
        on_wait=on_wait,
    )


def _score(
    con: DuckDBPyConnection, pipeline: Pipeline, scorer: Scorer, window: Window | None, run_id: str
) -> list[Built]:
    table = scores_table(pipeline)
    stored = Stored(ledger.current(con, pipeline.name))
    keys = window.keys if window else (None,)
    named = window.keys if window else None
    rows = con.execute(entities_sql(pipeline, scorer.features, named)).to_arrow_table()
    # Without the features, of which one may be called score.
    entities = rows.select([*(n for n in table.types if n not in SCORED | OF_CLASSES), PARTITION])
    _register(con, entities, _scores(scorer, rows), scorer.classes)
    return store_slices(
        con,
        pipeline,
        table,
        _slices(con, table, keys),
        kept=_kept(con, pipeline, table, scorer),
        rejected=None,
        inputs=lambda key: {
            **feature_inputs(pipeline, stored, key),
            MODEL: {WHOLE: str(scorer.version)},
        },
        run_id=run_id,
        marks={"snapshot": "BIGINT", "scored_at": "TIMESTAMPTZ"},
    )


def _scores(scorer: Scorer, rows: pa.Table) -> Floats:
    scores = scorer.predict(rows)
    bad = int((~np.isfinite(scores)).reshape(len(scores), -1).any(axis=1).sum())
    if bad:
        raise DataError(
            f"Version {scorer.version} gives {bad:,} of {len(scores):,} rows no finite score.",
            "Look at its features there; `ml-assets rollback` brings the previous version back.",
        )
    return scores


def _register(
    con: DuckDBPyConnection, rows: pa.Table, scores: Floats, classes: Sequence[str]
) -> None:
    import pyarrow as pa

    if classes:
        names = pa.array(classes).take(pa.array(scores.argmax(axis=1)))
        rows = rows.append_column("predicted", names)
        rows = rows.append_column("probabilities", to_maps(scores, classes))
        scores = scores.max(axis=1)
    con.register(_RELATION, rows.append_column("score", pa.array(scores)))


def _kept(con: DuckDBPyConnection, pipeline: Pipeline, table: Derived, scorer: Scorer) -> str:
    own = [name for name in table.types if name not in {"model_version", "trained_on"}]
    known = ", ".join(literal(key) for key in sorted(scorer.trained_on)) or "NULL"
    snapshot = current_snapshot(con, pipeline.name)
    return (
        f"SELECT {columns(own)}, {scorer.version}::INTEGER AS model_version,"
        f" {snapshot}::BIGINT AS snapshot,"
        f" coalesce({quote(PARTITION)} IN ({known}), false) AS trained_on,"
        f" {instant(clock.now())} AS scored_at, {quote(PARTITION)} FROM {_RELATION}"
    )


def _slices(con: DuckDBPyConnection, table: Derived, keys: Sequence[str | None]) -> list[Built]:
    counted = con.execute(f"SELECT {quote(PARTITION)}, count(*) FROM {_RELATION} GROUP BY ALL")
    rows = dict(counted.fetchall())
    return [Built(table, key, all_kept(table.dotted, "entities", rows.get(key, 0))) for key in keys]


def feature_inputs(
    pipeline: Pipeline, stored: Stored, key: str | None
) -> dict[str, dict[str, str]]:
    """Return the data version of the feature slices that a score reads."""
    return {
        node.dotted: {
            item.partition or WHOLE: item.data_version
            for item in stored.of(node)
            if item.partition in {key, None}
        }
        for node in pipeline.features
    }
