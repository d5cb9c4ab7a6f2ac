"""Which slices a version has to score: what has no score, or one of other features than today's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.tables.plan import WHOLE
from ml_assets.tables.scores import MODEL, feature_inputs, scores_table
from ml_assets.tables.spine import spine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.tables.plan import Stored
    from ml_assets.warehouse.ledger import Slice


def due_scores(
    pipeline: Pipeline, stored: Stored, keys: Sequence[str | None], trained_on: frozenset[str]
) -> list[str | None]:
    """Return the slices that a refresh scores.

    These are the slices that were never scored, or whose features changed since. A score that was
    given stays, whoever is champion today: it is what went live then. What the champion was trained
    on is left out.
    """
    scored = {item.partition for item in stored.of(scores_table(pipeline))}
    outdated = outdated_scores(pipeline, stored, keys)
    found = []
    for key in keys:
        if key in trained_on or not _has_entities(pipeline, stored, key):
            continue
        # Of a past that a rolling window has forgotten, the model knows what came later.
        if key is not None and key < max(trained_on, default=""):
            continue
        if key not in scored or key in outdated:
            found.append(key)
    return found


def outdated_scores(
    pipeline: Pipeline, stored: Stored, keys: Sequence[str | None]
) -> dict[str | None, Slice]:
    """Return the slices among `keys` that were scored from other features than there are today."""
    return {
        item.partition: item
        for item in stored.of(scores_table(pipeline))
        if item.partition in keys
        and _has_entities(pipeline, stored, item.partition)
        and changed_inputs(pipeline, stored, item)
    }


def scored_by(scored: Slice) -> int:
    """Return the version that scored a slice."""
    return int(scored.inputs[MODEL][WHOLE])


def _has_entities(pipeline: Pipeline, stored: Stored, key: str | None) -> bool:
    return bool(feature_inputs(pipeline, stored, key)[spine(pipeline)[0].dotted])


def changed_inputs(pipeline: Pipeline, stored: Stored, scored: Slice) -> list[str]:
    """Return the feature tables that hold something else than what a slice was scored from."""
    now = feature_inputs(pipeline, stored, scored.partition)
    then = score_features(scored)
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def score_features(scored: Slice) -> dict[str, dict[str, str]]:
    """Return the data version of the feature slices that a slice was scored from."""
    return {name: dict(read) for name, read in scored.inputs.items() if name != MODEL}
