"""The trace of a prediction in lines that a person reads."""

from __future__ import annotations

import textwrap
from datetime import datetime
from typing import TYPE_CHECKING

from ml_assets.lineage.columns import listed, minute
from ml_assets.lineage.entity import told
from ml_assets.lineage.names import told as named
from ml_assets.tables.load import LOAD_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ml_assets.lineage.answer import Label
    from ml_assets.lineage.origin import ModelOrigin
    from ml_assets.lineage.rows import StoredRows
    from ml_assets.lineage.trace import Trace

WIDTH = 100
HEAD = 13
JOINT = "\u00a0"
"""A space at which no line breaks."""


def trace_lines(found: Trace) -> Iterator[str]:
    """Yield what was answered about an entity, and what that rests on."""
    yield f"{found.pipeline}: {told(found.key)}"
    yield _line("partition", found.partition or "stored whole")
    yield _line("prediction", _prediction(found))
    yield _line("label", _label(found.label))
    if found.model is not None:
        yield ""
        yield from _model(found.model)
    yield ""
    yield _read(found)
    for one in found.rows:
        yield from _rows(one, set(found.key))


def _line(head: str, text: str) -> str:
    return f"{head:<{HEAD}}{text}"


def _prediction(found: Trace) -> str:
    one = found.prediction
    if one is None:
        return f"none: {found.unscored}"
    flattered = "; it was trained on this partition" if one.trained_on else ""
    gone = "; nothing is recorded of that version any more" if found.model is None else ""
    return (
        f"{one.score:.6f} by version {one.version}, scored {minute(one.scored_at)} from snapshot"
        f" {one.snapshot}{flattered}{gone}"
    )


def _label(one: Label) -> str:
    if one.lacking:
        return f"none: {one.lacking}"
    if not one.known:
        return f"not known yet: it is from {minute(one.known_at)} on"
    value = "empty" if one.value is None else _value(one.value)
    return f"{value} ({one.table}), known since {minute(one.known_at)}"


def _model(one: ModelOrigin) -> Iterator[str]:
    record = one.record
    aliases = f" ({', '.join(one.aliases)})" if one.aliases else ""
    refit = "" if one.refit_of is None else f", the refit of version {one.refit_of}"
    yield _line("model", f"version {one.version}{aliases}{refit}, created {minute(one.created)}")
    yield _line("trained on", f"{record.training_rows:,} rows of {listed(record.windows['train'])}")
    yield _line("", f"labels known by {minute(record.labels_known_by)}")
    yield _line("", f"snapshot {record.snapshot_id}, content {record.training_set_hash}")
    how = f"{record.rounds} trees" if record.rounds else record.candidate
    yield _line("", f"model hash {record.model_hash[:12]}, {how}")
    changed = ", ".join(one.code_changed)
    yield _line("code", f"changed since in {changed}" if changed else "the tables' is today's")
    run = "" if one.dagster_run_id is None else f", Dagster run {one.dagster_run_id}"
    yield _line("runs", f"MLflow run {one.mlflow_run_id}{run}")
    yield from _promotions(one)


def _promotions(one: ModelOrigin) -> Iterator[str]:
    for decision in one.decisions:
        yield _line("decided", f"{minute(decision.decided_at)} {decision.reason}")
    for row, span in zip(one.promotions, one.live, strict=True):
        episode = "" if row.episode is None else f" in episode {row.episode}"
        until = "" if span.until is None else f" until {minute(span.until)}"
        text = f"{minute(row.promoted_at)}{until} by {row.decided_by}{episode}: {row.reason}"
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=_line("live", ""), subsequent_indent=_line("", "")
        )
    if not one.promotions:
        yield _line("live", "never, by the ledger of promotions")


def _read(found: Trace) -> str:
    if found.snapshot is not None:
        return f"Its rows, as they were scored (snapshot {found.snapshot}):"
    if found.prediction is None:
        return "Its rows today:"
    return f"Its rows today; snapshot {found.prediction.snapshot} has expired:"


def _rows(one: StoredRows, key: set[str]) -> Iterator[str]:
    built = "never built" if one.built is None else f"built {minute(one.built.built_at)}"
    run = "" if one.built is None else f" by run {one.built.run_id[:8]}"
    changed = "; it holds something else today" if one.changed else ""
    yield ""
    yield f"{named((one.table, one.partition))}: {built}{run}{changed}"
    if not one.rows:
        yield "  no row of this key"
    for row in one.rows:
        left_out = {*LOAD_COLUMNS, *(key if one.driving else ())}
        yield from _wrapped([f"{name}={_value(row[name])}" for name in row if name not in left_out])
        if "_load_id" in row:
            yield f"  loaded {minute(row['_loaded_at'])} by run {row['_load_id']}"
    if one.driving is not None and one.built is not None:
        first, *others = [*_visible(one.built.inputs)] or ["nothing"]
        yield from _wrapped([f"read {first}", *others], "; ")


def _visible(inputs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for table, read in inputs.items():
        keys = [key for key in read if key]
        yield f"{table} {listed(keys)}" if keys else table


def _wrapped(items: Sequence[str], between: str = ", ") -> Iterator[str]:
    """Yield indented lines that break between items only."""
    unbroken = between.join(item.replace(" ", JOINT) for item in items)
    indent = " " * 2
    for line in textwrap.wrap(
        unbroken,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield line.replace(JOINT, " ")


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return "NULL" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
