"""Scores with their features and what is known of their labels, as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.ml.training_table import MULTICLASS
from ml_assets.sql.names import columns, literal, qualified, quote
from ml_assets.sql.windows import instant
from ml_assets.tables.entities import among, entities_sql
from ml_assets.tables.labels import labels_sql
from ml_assets.tables.spine import spine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.tables.pipeline import Pipeline


def outcomes_sql(
    pipeline: Pipeline, as_of: datetime, names: list[str], partitions: Sequence[str] | None
) -> str:
    """Return the SELECT of scores with their features, day and what is known of labels.

    With `partitions`, only of those in these.
    `_label` is NULL where none is known at `as_of`. Scores of rows the model was trained on are
    left out: they say nothing of how it does.
    """
    _, table = spine(pipeline)
    key = columns(list(table.key))
    zone = literal(pipeline.declaration.time_zone)
    entities = entities_sql(pipeline, names, partitions)
    scores = qualified(pipeline.name, "predictions", "scores")
    several = pipeline.declaration.model.problem == MULTICLASS
    answer = "probabilities" if several else "score"
    return f"""
        SELECT entities.*, scores.{answer} AS _score, scores.model_version AS _version,
            labels._label,
            CAST(timezone({zone}, entities.{quote(table.time or "")}) AS DATE) AS _cluster
        FROM ({entities}) AS entities
        JOIN (SELECT {key}, {answer}, model_version FROM {scores}
            WHERE NOT trained_on AND {among(partitions)}) AS scores USING ({key})
        LEFT JOIN (SELECT * FROM ({labels_sql(pipeline, list(table.key))})
            WHERE _label_known_at <= {instant(as_of)}) AS labels USING ({key})
        ORDER BY {key}
    """
