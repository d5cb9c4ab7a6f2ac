"""What was built from one slice: the ledger's buildings, played again in the order of commits.

A slice is reached where a building of it read the slice in question or another that is reached, as
the ledger recorded it: the partition and its lookback, no more. It is left again once a building
that read none of them replaced it. Models carry on what they were trained on to what they scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.lineage.names import DAYS, FEATURES, SCORES
from ml_assets.tables.plan import WHOLE
from ml_assets.tables.scores import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ml_assets.lineage.names import SliceName
    from ml_assets.warehouse.ledger import Slice


class Reach:
    """The newest slices as of one snapshot, and those of them that were built from `start`."""

    def __init__(
        self,
        buildings: Sequence[tuple[int, Slice]],
        start: SliceName,
        reads: Mapping[int, frozenset[str]],
    ) -> None:
        """Take every building with its snapshot, and per model version the tables that it reads."""
        self.slices: dict[SliceName, Slice] = {}
        self.since: dict[SliceName, datetime] = {}
        """When a slice first held what it holds."""
        self.reached: set[SliceName] = set()
        self.models: set[int] = set()
        """Versions that were trained on what is reached."""
        self.scored_by: dict[SliceName, int | None] = {}
        self._start = start
        self._reads = reads
        self._edges: dict[SliceName, dict[SliceName, str]] = {}
        self._whole: dict[str, bool] = {}
        self._coming = iter(buildings)
        self._next = next(self._coming, None)

    def advance(self, snapshot: int | None = None) -> None:
        """Go on to what `snapshot` left, or to the end."""
        while self._next is not None and (snapshot is None or self._next[0] <= snapshot):
            self._build(self._next[1])
            self._next = next(self._coming, None)

    def upstream(self, name: SliceName) -> list[SliceName]:
        """Return the reached slices that a slice was built from, as far as they are there."""
        return [other for other in self._edges[name] if other in self.reached]

    def outdated(self) -> set[SliceName]:
        """Return the reached slices that hold what comes from another content than is there now."""
        known: dict[SliceName, bool] = {}

        def old(name: SliceName) -> bool:
            if name not in known:
                known[name] = any(
                    self.slices[other].data_version != content or old(other)
                    for other, content in self._edges[name].items()
                    if other in self.reached
                )
            return known[name]

        return {name for name in self.reached - {self._start} if old(name)}

    def _build(self, item: Slice) -> None:
        name = (item.table, item.partition)
        self._replace(name)
        before = self.slices.get(name)
        same = before is not None and before.data_version == item.data_version
        self.since[name] = self.since[name] if same else item.built_at
        version = _version(item)
        if item.table == DAYS:
            version = self.scored_by.get((SCORES, item.partition))
        self.slices[name], self.scored_by[name] = item, version
        self._edges[name] = dict(self._read(item, version))
        if name == self._start or self.upstream(name) or _version(item) in self.models:
            self._reach(name, carried=same)
        else:
            self.reached.discard(name)

    def _reach(self, name: SliceName, *, carried: bool) -> None:
        if name in self.reached:
            return
        self.reached.add(name)
        if not carried:
            return
        # It came out as before, so what was built from it then stayed: that is reached now too.
        content = self.slices[name].data_version
        for other, edges in self._edges.items():
            if edges.get(name) == content:
                self._reach(other, carried=True)

    def _replace(self, name: SliceName) -> None:
        """Forget the table's slices of the other kind: it is stored whole or in partitions."""
        table, whole = name[0], name[1] is None
        before, self._whole[table] = self._whole.get(table, whole), whole
        if before == whole:
            return
        for other in [one for one in self.slices if one[0] == table]:
            del self.slices[other], self.since[other], self._edges[other]
            self.reached.discard(other)

    def _read(self, item: Slice, version: int | None) -> Iterator[tuple[SliceName, str]]:
        """Yield the slices that a building read, each with its content then."""
        tables = self._reads.get(version) if version is not None else None
        for table, read in item.inputs.items():
            if tables is not None and table.startswith(FEATURES) and table not in tables:
                continue
            for partition, content in read.items():
                name = (table, partition or None)
                # A monitor looks at the days of one version only.
                if name in self.slices and (
                    table != DAYS
                    or self.scored_by[name] == self.scored_by.get((DAYS, item.partition))
                ):
                    yield name, content.partition(" ")[0]


def _version(item: Slice) -> int | None:
    """Return the model version that a building recorded as an input."""
    found = item.inputs.get(MODEL, {}).get(WHOLE)
    return None if found is None else int(found)
