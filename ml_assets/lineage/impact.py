"""From a slice to all that used it: tables, model versions, scores, verdicts and decisions.

What is stored today counts: a slice that was built again from mended data is listed as reading the
slice in question, and is not outdated. History is not rewritten: a version stays listed with what
it was trained on, beside what these slices hold today, and a decision with the evidence it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.lineage.found import (
    AffectedDecision,
    AffectedScores,
    AffectedSlice,
    AffectedVerdict,
    AffectedVersion,
    Content,
    Impact,
    TrainedSlice,
)
from ml_assets.lineage.judged import evidence, judged
from ml_assets.lineage.names import FINDINGS, SCORES
from ml_assets.lineage.reach import Reach
from ml_assets.lineage.registered import Registered, registered, training_rows
from ml_assets.lineage.start import start_of
from ml_assets.tables.findings import MONITORS, read_findings
from ml_assets.tables.spine import spine
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import promotions
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.lineage.judged import Judged
    from ml_assets.lineage.names import SliceName
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.ledger import Slice
    from ml_assets.warehouse.settings import Settings


def impact(
    pipeline: Pipeline, settings: Settings, table: str, partition: str | None = None
) -> Impact:
    """Return what was built from a slice of `layer.table`; DataError where it was never built.

    `partition` is None for a table that is stored whole.
    """
    with connect(pipeline.name, settings, read_only=True) as con:
        history = ledger.history(con, pipeline.name)
        start = start_of(pipeline, history, table, partition)
        known, unread = registered(pipeline, settings, promotions(con, pipeline.name))
        reach = Reach(history, start, {one.number: one.tables for one in known})
        trained, decisions = _play(pipeline, reach, known, judged(con, pipeline))
        reach.advance()
        outdated = reach.outdated()
        below = _ordered(reach.reached - {start})
        verdicts = tuple(_verdicts(con, pipeline, reach, below, outdated))
    return Impact(
        pipeline=pipeline.name,
        table=start[0],
        partition=start[1],
        contents=tuple(_contents(history, start)),
        slices=tuple(_slices(reach, below, outdated)),
        versions=tuple(
            _version(pipeline, settings, reach, one, trained[one.number])
            for one in known
            if any(trained[one.number])
        ),
        scores=tuple(_scores(reach, below, outdated)),
        verdicts=verdicts,
        decisions=tuple(decisions),
        fallback=_fallback(known, trained),
        unread=tuple(unread),
    )


Trained = tuple[list[tuple["SliceName", str]], list[tuple["SliceName", str]]]
"""Affected slices that a version was trained on and tested on, each with its content then."""


def _play(
    pipeline: Pipeline, reach: Reach, known: Sequence[Registered], made: Iterable[Judged]
) -> tuple[dict[int, Trained], list[AffectedDecision]]:
    """Play the history to each version's snapshot and each decision's; return what they held."""
    numbers = {one.number: one for one in known}
    moments: list[tuple[int, Registered | Judged]] = [
        *((one.record.snapshot_id, one) for one in known),
        *((one.snapshot, one) for one in made),
    ]
    trained: dict[int, Trained] = {}
    decisions = []
    for snapshot, one in sorted(moments, key=lambda moment: moment[0]):
        reach.advance(snapshot)
        if isinstance(one, Registered):
            trained[one.number] = found = _held(pipeline, reach, one)
            if found[0]:
                reach.models.add(one.number)
            continue
        keys = evidence(pipeline, reach, one, numbers)
        if keys:
            told = (one.at, one.who, one.action, one.reason, one.version)
            decisions.append(AffectedDecision(*told, keys))
    return trained, sorted(decisions, key=lambda one: one.at)


def _held(pipeline: Pipeline, reach: Reach, one: Registered) -> Trained:
    """Return the reached slices in a version's training set and behind its test metrics."""
    label = pipeline.node(pipeline.declaration.label.table)
    # A label that is stored by another time may lie in another partition than its entity.
    elsewhere = label.declared.time != spine(pipeline)[1].time

    def among(keys: Iterable[str]) -> list[tuple[SliceName, str]]:
        wanted = {*keys}
        return [
            (name, reach.slices[name].data_version)
            for name in _ordered(reach.reached)
            if wanted
            and name[0] in one.tables
            and (name[1] in {*wanted, None} or (elsewhere and name[0] == label.dotted))
        ]

    return among(one.record.trained_on), among(one.record.windows["test"])


def _version(
    pipeline: Pipeline, settings: Settings, reach: Reach, one: Registered, held: Trained
) -> AffectedVersion:
    trained, tested = (
        tuple(_trained(reach, *name, content) for name, content in found) for found in held
    )
    whole = any(slice_.partition is None for slice_ in trained)
    keys = one.record.windows["train"]
    touched = [key for key in keys if whole or any(key == item.partition for item in trained)]
    return AffectedVersion(
        version=one.number,
        aliases=one.version.aliases,
        live=one.live,
        snapshot=one.record.snapshot_id,
        trained_at=one.record.labels_known_by,
        trained=trained,
        tested=tested,
        rows=training_rows(pipeline, settings, one.record, touched) if touched else 0,
        training_rows=one.record.training_rows,
    )


def _trained(reach: Reach, table: str, partition: str | None, then: str) -> TrainedSlice:
    now = reach.slices.get((table, partition))
    return TrainedSlice(table, partition, then, None if now is None else now.data_version)


def _fallback(known: Iterable[Registered], trained: Mapping[int, Trained]) -> int | None:
    from ml_assets.registry.versions import PREVIOUS

    before = next((one for one in known if PREVIOUS in one.version.aliases), None)
    return None if before is None or trained[before.number][0] else before.number


def _contents(history: Iterable[tuple[int, Slice]], start: SliceName) -> Iterator[Content]:
    before = None
    for _, item in history:
        if (item.table, item.partition) == start and item.data_version != before:
            before = item.data_version
            yield Content(before, item.rows_kept, item.built_at, item.run_id)


def _slices(
    reach: Reach, below: Iterable[SliceName], outdated: set[SliceName]
) -> Iterator[AffectedSlice]:
    for name in below:
        if name[0] not in {SCORES, *FINDINGS}:
            rows = reach.slices[name].rows_kept
            yield AffectedSlice(*name, rows, reach.since[name], name in outdated)


def _scores(
    reach: Reach, below: Iterable[SliceName], outdated: set[SliceName]
) -> Iterator[AffectedScores]:
    for name in below:
        version = reach.scored_by[name]
        if name[0] == SCORES and version is not None:
            yield AffectedScores(
                partition=name[1],
                version=version,
                rows=reach.slices[name].rows_kept,
                since=reach.since[name],
                features=bool(reach.upstream(name)),
                model=version in reach.models,
                outdated=name in outdated,
            )


def _verdicts(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    reach: Reach,
    below: Collection[SliceName],
    outdated: set[SliceName],
) -> Iterator[AffectedVerdict]:
    for monitor, table in zip(MONITORS, FINDINGS, strict=True):
        for found in read_findings(con, pipeline, monitor):
            name = (table, found.period)
            if name in below:
                yield AffectedVerdict(
                    monitor=monitor,
                    cause=found.cause,
                    period=found.period,
                    verdict=found.verdict,
                    version=found.model_version,
                    since=reach.since[name],
                    outdated=name in outdated,
                )


def _ordered(names: Iterable[SliceName]) -> list[SliceName]:
    return sorted(names, key=lambda name: (name[0], name[1] or ""))
