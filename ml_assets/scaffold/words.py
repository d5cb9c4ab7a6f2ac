"""What the templates of a new pipeline's files read."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ml_assets.scaffold.columns import cleaned_names
from ml_assets.scaffold.flow import flow
from ml_assets.scaffold.spelling import bare
from ml_assets.sql.names import literal
from ml_assets.sql.windows import ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ml_assets.scaffold.columns import Column
    from ml_assets.scaffold.draft import Draft

VOLUME = (0.5, 2.0)
"""What a partition may hold of the usual rows where nothing is declared."""
LARGEST_MINIMUM = 1000
SUPPORT = 500
MOST_SLICES = 12


def words(draft: Draft) -> Mapping[str, Any]:
    """Return the names and functions that the templates use."""
    rows, outcomes = table_names(draft)
    both = list(dict.fromkeys([*draft.key, draft.time]))
    return {
        "draft": draft,
        "flow": flow,
        "rows": rows,
        "outcomes": outcomes,
        "keys_and_time": both,
        "title": f"{draft.target.question} From {draft.table.name}.",
        "source": _source(draft),
        **_model(draft),
        **_partitions(draft),
        **_sql(draft),
        "raw": _raw,
        "contract": lambda column: _contract(draft, column),
        "feature": _feature,
        "known": f"When the target was known: {_after(draft)}.",
        "selected": [*(bare(one.name) for one in both), *_selected(draft)],
    }


def table_names(draft: Draft) -> tuple[str, str]:
    """Return the names of the table of rows and of that of outcomes."""
    stem = draft.table.name.partition(".")[0]
    rows = cleaned_names([stem])[stem].lstrip("_")
    rows = rows if bare(rows) == rows else f"{rows}_rows"
    return rows, "outcomes" if rows != "outcomes" else "targets"


def _source(draft: Draft) -> dict[str, object]:
    given = draft.table.source
    found: dict[str, object] = {"kind": "files", "path": given.paths[0]}
    if given.nulls != "":
        found["nulls"] = given.nulls if isinstance(given.nulls, str) else list(given.nulls)
    return found | ({} if given.delimiter == "," else {"delimiter": given.delimiter})


def _model(draft: Draft) -> dict[str, object]:
    calendar = draft.calendar
    counts = [*calendar.counts.values()]
    fitted, tested = sum(counts[: -calendar.test - calendar.tune]), sum(counts[-calendar.test :])
    slices = [
        name
        for name in draft.categories
        if next(one for one in draft.table.columns if one.name == name).distinct <= MOST_SLICES
    ]
    return {
        "split": {
            "test": calendar.test,
            "tune": calendar.tune,
            "walk_forward_from": calendar.walk_forward_from,
        },
        "rate": draft.categories[:1] or [part.name for part in draft.made[-1:]],
        "slices": slices[:2],
        "minimum_rows": max(1, min(LARGEST_MINIMUM, fitted // 2)),
        "support": max(1, min(SUPPORT, tested // 10)),
    }


def _partitions(draft: Draft) -> dict[str, object]:
    calendar = draft.calendar
    found = {"every": calendar.every, "start": calendar.keys[0]}
    low, high = calendar.volume
    wide = low < VOLUME[0] or high > VOLUME[1]
    return {
        "partitions": found | ({"end": calendar.keys[-1]} if calendar.closed else {}),
        "limits": {"volume": [min(low, VOLUME[0]), max(high, VOLUME[1])]} if wide else None,
    }


def _sql(draft: Draft) -> dict[str, object]:
    def cell(column: Column) -> str:
        value = draft.moment.instant(ZONE) if column == draft.time else column.read
        name = bare(column.name)
        return value if value == name else f"{value} AS {name}"

    zone = literal(draft.zone)
    return {
        "cell": cell,
        "instant": draft.moment.instant(ZONE),
        "key": [column.name for column in draft.key],
        "rows_key": [
            draft.moment.instant(zone) if column == draft.time else column.read
            for column in draft.key
        ],
        "partition": ", ".join(bare(column.source) for column in draft.key),
        "order": _wrapped([bare(column.source) for column in _settling(draft)]),
        "unknown": f"{bare(draft.target.column.source)} IS NULL",
    }


def _settling(draft: Draft) -> list[Column]:
    """Return the columns by which one of several rows with the same key is taken: all others."""
    return [column for column in draft.table.columns if column not in draft.key]


def _wrapped(names: list[str]) -> str:
    return "\n        ".join(textwrap.wrap(", ".join(names), 88, break_long_words=False))


def _selected(draft: Draft) -> list[str]:
    local = f"timezone({ZONE}, {bare(draft.time.name)})"
    made = [f"{part.part}({local})::TINYINT AS {part.name}" for part in draft.made]
    return [*(bare(column.name) for column in draft.features), *made]


def _raw(column: Column) -> dict[str, object]:
    return {"type": column.delivered, "description": _described(column)}


def _contract(draft: Draft, column: Column) -> dict[str, object]:
    if column == draft.time:
        return {"type": "TIMESTAMPTZ", "description": f"When it was, {column.source} of the file."}
    rules = dict(draft.contracts[column.source])
    if column in draft.key:
        rules.pop("nullable", None)
    return {"type": column.type, **rules, "description": _described(column)}


def _feature(column: Column) -> dict[str, object]:
    nullable = {"nullable": True} if column.nulls else {}
    return {"type": column.type, **nullable, "description": _described(column)}


def _described(column: Column) -> str:
    """Return what was seen, as a place for what is meant."""
    words = f"{column.source} of the file"
    if column.low is not None and column.high is not None and not column.identifier:
        words += f", {column.low:.6g} to {column.high:.6g} seen"
    elif column.text and column.distinct > 1:
        words += f", {column.distinct:,} values seen"
    return f"{words}."


def _after(draft: Draft) -> str:
    return "at the row's time" if draft.at_once else f"{draft.delay} after the row's time"
