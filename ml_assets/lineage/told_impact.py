"""The impact of a slice in lines that a person reads."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ml_assets.lineage.advice import advice
from ml_assets.lineage.columns import aligned, listed, minute
from ml_assets.lineage.found import AffectedVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ml_assets.lineage.found import AffectedSlice, AffectedVersion, Impact
    from ml_assets.lineage.names import SliceName

DECISIONS = 10
"""The newest that are shown."""
OUTDATED = "outdated"


def impact_lines(found: Impact) -> Iterator[str]:
    """Yield what was built from a slice, and what to do."""
    yield from _head(found)
    blocks = (_slices(found), _versions(found), _scores(found), _verdicts(found), _decisions(found))
    for block in blocks:
        lines = list(block)
        yield from ["", *lines] if lines else []
    yield ""
    yield f"What to do: {advice(found)}"


def _head(found: Impact) -> Iterator[str]:
    *before, now = found.contents
    yield (
        f"{found.pipeline}.{found.name}: {now.rows:,} rows, content {now.data_version}"
        f" since {minute(now.since)} (run {now.run_id[:8]})"
    )
    for one in reversed(before):
        yield f"  before: {one.rows:,} rows, content {one.data_version} since {minute(one.since)}"


def _slices(found: Impact) -> Iterator[str]:
    grouped = groupby(found.slices, key=lambda one: one.table)
    rows = [_table(table, list(slices)) for table, slices in grouped]
    yield from aligned(("table", "partitions", "rows", "since", ""), rows, right="rows")


def _table(table: str, slices: Sequence[AffectedSlice]) -> tuple[str, ...]:
    return (
        table,
        listed([one.partition for one in slices]),
        f"{sum(one.rows for one in slices):,}",
        minute(min(one.since for one in slices)),
        _marked(slices),
    )


def _marked(items: Sequence[AffectedSlice] | Sequence[AffectedVerdict]) -> str:
    """Return which partitions are outdated: none, all or some."""
    old = [one for one in items if one.outdated]
    if len(old) in {0, len(items)}:
        return OUTDATED if old else ""
    keys = [one.period if isinstance(one, AffectedVerdict) else one.partition for one in old]
    return f"{OUTDATED}: {listed(keys)}"


def _versions(found: Impact) -> Iterator[str]:
    outdated = {(one.table, one.partition) for one in found.slices if one.outdated}
    rows = [_version(one, outdated) for one in found.versions]
    head = ("version", "alias", "live", "of its training rows", "partitions", "")
    yield from aligned(head, rows, right="of its training rows")
    for number in found.unread:
        yield f"Of version {number} no training record is there: what it saw is not known."


def _version(one: AffectedVersion, outdated: set[SliceName]) -> tuple[str, ...]:
    rows = "unknown" if one.rows is None else f"{one.rows:,}"
    slices = one.trained or one.tested
    return (
        str(one.version),
        ", ".join(one.aliases) or "-",
        "; ".join(_live(span.since, span.until) for span in one.live) or "never",
        f"{rows} of {one.training_rows:,}",
        listed([item.partition for item in slices]),
        _then(one, outdated),
    )


def _then(one: AffectedVersion, outdated: set[SliceName]) -> str:
    if not one.trained:
        return "tested on it, not trained"
    tables = sorted({item.table for item in one.trained if item.differs})
    if not tables:
        old = any((item.table, item.partition) in outdated for item in one.trained)
        return "the same content as today" + (", which is outdated" if old else "")
    return f"other content than today: {', '.join(tables)}"


def _live(since: datetime, until: datetime | None) -> str:
    return f"since {minute(since)}" if until is None else f"{minute(since)} to {minute(until)}"


def _scores(found: Impact) -> Iterator[str]:
    rows = [
        (
            one.partition or "-",
            f"{one.rows:,}",
            str(one.version),
            minute(one.since),
            " and ".join([*["features"] * one.features, *["model"] * one.model]),
            OUTDATED if one.outdated else "",
        )
        for one in found.scores
    ]
    head = ("predictions", "rows", "version", "since", "affected by", "")
    yield from aligned(head, rows, right="rows")


def _verdicts(found: Impact) -> Iterator[str]:
    grouped: dict[tuple[str, str, str], list[AffectedVerdict]] = {}
    for one in found.verdicts:
        name = one.monitor if one.monitor == one.cause else f"{one.monitor}: {one.cause}"
        version = "-" if one.version is None else str(one.version)
        grouped.setdefault((name, version, one.verdict), []).append(one)
    rows = [
        (
            *named,
            listed([one.period for one in verdicts]),
            minute(min(one.since for one in verdicts)),
            _marked(verdicts),
        )
        for named, verdicts in sorted(grouped.items())
    ]
    yield from aligned(("monitor", "version", "verdict", "windows", "since", ""), rows)


def _decisions(found: Impact) -> Iterator[str]:
    shown = found.decisions[-DECISIONS:]
    rows = [
        (minute(one.at), one.who, one.action, listed(one.partitions), one.reason) for one in shown
    ]
    yield from aligned(("decided", "by", "action", "evidence", "reason"), rows)
    if len(shown) < len(found.decisions):
        yield f"and {len(found.decisions) - len(shown)} decisions before"
