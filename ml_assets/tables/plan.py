"""What a refresh would rebuild and why: stored slices held against code and upstream data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.tables.visibility import partitions_seen, slice_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml_assets.tables.built import Target
    from ml_assets.tables.pipeline import Node, Pipeline
    from ml_assets.warehouse.ledger import Slice

NEVER = "never built"
WHOLE = ""
"""The partition under which a whole table is recorded as an input."""


@dataclass(frozen=True)
class Step:
    """One slice that is to be built, and why."""

    node: Node
    partition: str | None
    reason: str


class Stored:
    """The newest build of every slice of a pipeline."""

    def __init__(self, slices: Iterable[Slice]) -> None:
        self._tables: dict[str, dict[str | None, Slice]] = defaultdict(dict)
        for item in slices:
            self._tables[item.table][item.partition] = item

    def get(self, node: Node, partition: str | None) -> Slice | None:
        """Return the newest build of one slice, None where it was never built."""
        return self._tables.get(node.dotted, {}).get(partition)

    def of(self, node: Target) -> list[Slice]:
        """Return the slices of one table, by partition."""
        return [*self._tables.get(node.dotted, {}).values()]

    def rows(self, node: Target) -> dict[str, int]:
        """Return how many rows each partition of one table holds."""
        return {item.partition: item.rows_kept for item in self.of(node) if item.partition}

    def inputs(
        self, pipeline: Pipeline, node: Node, partition: str | None
    ) -> dict[str, dict[str, str]]:
        """Return the data version of every upstream slice that a build would read now."""
        window = pipeline.partitions.window(partition) if partition is not None else None
        keys = partitions_seen(pipeline, node, window)
        read: dict[str, dict[str, str]] = {}
        for name in node.upstream:
            upstream = pipeline.nodes[name]
            read[upstream.dotted] = {
                item.partition or WHOLE: item.data_version
                for item in self.of(upstream)
                if item.partition is None or keys is None or item.partition in keys
            }
        return read


def plan(
    pipeline: Pipeline, stored: Stored, sources: Mapping[str, str], *, missing: bool = True
) -> list[Step]:
    """Return the slices to build, upstream first.

    `sources` maps a raw table to the identity of what its source would deliver now. Without
    `missing`, slices that were never built are left out unless their whole table was not.
    """
    steps: list[Step] = []
    due: dict[str, set[str | None]] = defaultdict(set)
    for node in pipeline.ordered:
        for key in slice_keys(pipeline, node):
            reason = _reason(pipeline, node, key, stored, sources, due)
            if reason == NEVER and not missing and stored.of(node):
                continue
            if reason is not None:
                steps.append(Step(node, key, reason))
                due[node.dotted].add(key)
    return steps


def _reason(
    pipeline: Pipeline,
    node: Node,
    key: str | None,
    stored: Stored,
    sources: Mapping[str, str],
    due: Mapping[str, set[str | None]],
) -> str | None:
    found = stored.get(node, key)
    if found is None:
        return NEVER
    if found.code_version != node.code_version:
        return f"code changed ({found.code_version} -> {node.code_version})"
    if node.layer == "raw":
        recorded = found.inputs.get("source", {}).get(WHOLE)
        return None if recorded == sources.get(node.table, recorded) else "source changed"
    return _upstream_reason(pipeline, node, key, stored, found, due)


def _upstream_reason(
    pipeline: Pipeline,
    node: Node,
    key: str | None,
    stored: Stored,
    found: Slice,
    due: Mapping[str, set[str | None]],
) -> str | None:
    window = pipeline.partitions.window(key) if key is not None else None
    seen = partitions_seen(pipeline, node, window)
    for name in node.upstream:
        dotted = pipeline.nodes[name].dotted
        waiting = sorted(
            part or "whole" for part in due[dotted] if part is None or seen is None or part in seen
        )
        if waiting:
            return f"{dotted} is rebuilt ({_short(waiting)})"
    now = stored.inputs(pipeline, node, key)
    for dotted, versions in now.items():
        before = found.inputs.get(dotted, {})
        changed = sorted(
            part or "whole"
            for part in versions.keys() | before.keys()
            if versions.get(part) != before.get(part)
        )
        if changed:
            return f"{dotted} changed ({_short(changed)})"
    return None


def _short(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{parts[0]} to {parts[-1]}"
