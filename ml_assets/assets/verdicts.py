"""Verdicts of the time-travel check: which stored slices no passed check has looked at."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ml_assets.assets.events import latest_check
from ml_assets.assets.shell import TIME_TRAVEL, checks_of, verdict_key
from ml_assets.errors import DataError
from ml_assets.tables.plan import WHOLE

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.tables.plan import Stored

PROVEN = "proven"
"""Metadata of a verdict: the slices it covers."""


def unproven(
    instance: dg.DagsterInstance, pipeline: Pipeline, node: Node, stored: Stored
) -> list[str | None]:
    """Return the slices of `node` that its newest passed time-travel check does not cover.

    A run may be killed between storing and checking, and a later run has nothing to build then.
    """
    if TIME_TRAVEL not in checks_of(node):
        return []
    passed = latest_check(instance, verdict_key(pipeline, node), passed=True)
    known = {} if passed is None else passed.values.get(PROVEN, {})
    now = proofs(pipeline, node, stored)
    return [partition for partition, proof in now.items() if known.get(partition or WHOLE) != proof]


def proofs(pipeline: Pipeline, node: Node, stored: Stored) -> dict[str | None, str]:
    """Return per stored slice what a verdict on it is about: its code, content and inputs.

    A slice that another run stores once more, the same from the same, stays proven.
    """
    code = [[one.dotted, one.code_version] for one in (*pipeline.ancestors(node), node)]
    return {
        item.partition: _digest([code, item.code_version, item.data_version, item.inputs])
        for item in stored.of(node)
    }


def _digest(meaning: object) -> str:
    # Sixteen digits: a verdict carries one for every slice of the table.
    text = json.dumps(meaning, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_proven(instance: dg.DagsterInstance, pipeline: Pipeline, stored: Stored) -> None:
    """Raise DataError where a feature table saw the future or was not checked for it."""
    for node in pipeline.features:
        newest = latest_check(instance, verdict_key(pipeline, node))
        if newest is not None and not newest.passed:
            raise DataError(
                f"{node.dotted} sees the future in {', '.join(newest.values['leaking'])}.",
                "Correct the SELECT, its lookback, or known_at of what it reads, and materialize"
                " it again.",
            )
        open_ = unproven(instance, pipeline, node, stored)
        if open_:
            keys = ", ".join(key or "the whole table" for key in open_[:5])
            more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
            raise DataError(
                f"{node.dotted} was never checked for leaks since {keys}{more} was built.",
                f"Run `ml-assets run {pipeline.name}` or materialize it again.",
            )
