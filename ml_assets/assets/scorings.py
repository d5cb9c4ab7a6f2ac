"""Which version scores which slice in a refresh.

The champion scores what it has not seen. A score that was given stays, until the slice's features
are mended: then it is of rows that are not there any more. Where the champion was trained on that
slice its answer would flatter it, so the version that gave the score gives the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.assets.reference import live_version
from ml_assets.assets.same_code import changed_features
from ml_assets.tables.due_scores import changed_inputs, due_scores, outdated_scores, scored_by
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import broken_slices
from ml_assets.warehouse import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

NEVER = "never scored"


@dataclass(frozen=True)
class Scoring:
    """What one version has to score."""

    version: Version
    keys: list[str | None]


@dataclass(frozen=True)
class Scorings:
    """What a refresh scores, and what it cannot."""

    due: list[Scoring]
    reasons: dict[str | None, str]
    """Why a slice is scored, by partition; only those that are."""
    left: dict[str | None, str]
    """Why a slice that is due is left as it is."""


def due_scorings(
    con: DuckDBPyConnection, pipeline: Pipeline, settings: Settings, keys: Sequence[str | None]
) -> Scorings:
    """Return who scores which of `keys`; TrackingError without a champion."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    stored = Stored(ledger.current(con, pipeline.name))
    outdated, broken = outdated_scores(pipeline, stored, keys), broken_slices(con, pipeline)
    live = live_version(pipeline, settings)
    trained_on = read_record(settings.tracking_uri, live.run_id).trained_on
    known = {one.version: one for one in versions(settings.tracking_uri, pipeline.name)}
    asked: dict[int, list[str | None]] = {
        live.version: due_scores(pipeline, stored, keys, trained_on)
    }
    for key, before in outdated.items():
        if key not in asked[live.version]:
            asked.setdefault(scored_by(before), []).append(key)
    due: list[Scoring] = []
    left: dict[str | None, str] = {}
    for number, wanted in asked.items():
        version = known.get(number)
        why = _cannot(pipeline, settings, number, version)
        left |= {key: why or broken[str(key)] for key in wanted if why or key in broken}
        keys_left = [key for key in wanted if key not in left]
        if version is not None and keys_left:
            due.append(Scoring(version, keys_left))
    told = {
        key: f"{', '.join(changed_inputs(pipeline, stored, outdated[key]))} changed: version"
        f" {one.version.version} scores {outdated[key].rows_kept:,} rows anew"
        if key in outdated
        else NEVER
        for one in due
        for key in one.keys
    }
    return Scorings(due, told, left)


def _cannot(
    pipeline: Pipeline, settings: Settings, number: int, version: Version | None
) -> str | None:
    from ml_assets.registry.record import read_record

    if version is None:
        return f"version {number}, which scored it, is not registered any more"
    changed = changed_features(pipeline, read_record(settings.tracking_uri, version.run_id))
    return (
        f"version {number} was trained on other code of {', '.join(changed)}" if changed else None
    )
