"""What a name means inside a SELECT, as the stored columns a value comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Origins = frozenset[tuple[str, ...]]
"""Stored columns as (schema, table, column), or (pipeline, schema, table, column)."""

NOTHING: Origins = frozenset()


def union(parts: Iterable[Origins]) -> Origins:
    """Return all the origins of `parts` together."""
    return NOTHING.union(*parts)


@dataclass(frozen=True)
class Relation:
    """A FROM item's columns with their origins; `unknown` answers for columns not listed."""

    columns: Mapping[str, Origins]
    unknown: Callable[[str], Origins] | None = None

    @classmethod
    def opaque(cls, origins: Origins, names: Iterable[str] = ()) -> Relation:
        """Return a relation of which each column may come from all of `origins`."""
        return cls(dict.fromkeys(names, origins), lambda _: origins)

    @cached_property
    def _index(self) -> dict[str, Origins]:
        return {name.lower(): origins for name, origins in self.columns.items()}

    def find(self, name: str) -> Origins | None:
        """Return the origins of the listed column `name`, None where it is not listed."""
        return self._index.get(name.lower())

    def column(self, name: str) -> Origins:
        """Return the origins of `name`; of a column that cannot be resolved, all columns'."""
        found = self.find(name)
        if found is None:
            found = self.unknown(name.lower()) if self.unknown else self.everything
        return found

    @cached_property
    def everything(self) -> Origins:
        """The origins of all columns together."""
        return union(self.columns.values()) | (self.unknown("*") if self.unknown else NOTHING)

    def renamed(self, names: Sequence[str]) -> Relation:
        """Return the relation with its first columns called `names`."""
        if not names:
            return self
        if not self.columns:
            return Relation.opaque(self.everything, names)
        written = [*names, *list(self.columns)[len(names) :]]
        return Relation(dict(zip(written, self.columns.values(), strict=False)), self.unknown)


@dataclass
class Scope:
    """The names one SELECT can use: its FROM items in order, its aliases, the query around it."""

    ctes: Mapping[str, Relation]
    outer: Scope | None = None
    sources: list[tuple[tuple[str, ...], Relation]] = field(default_factory=list)
    merged: dict[str, Origins] = field(default_factory=dict)
    """Columns that USING made one, by lower-case name."""
    aliases: dict[str, Origins] = field(default_factory=dict)
    group_keys: Origins = NOTHING

    def add(self, path: tuple[str, ...], relation: Relation) -> None:
        """Add a FROM item called by the last part of `path` or by all of it."""
        self.sources.append((path, relation))

    def merge(self, names: Iterable[str], *, both: bool) -> None:
        """Make `names` one column of all sources: the left one's value, or of both sides."""
        for name in names:
            found = [relation.find(name) for _, relation in self.sources]
            sides = [origins for origins in found if origins is not None]
            left = self.merged.get(name, sides[0] if sides else NOTHING)
            self.merged[name] = union([left, *sides[-1:]]) if both else left

    def resolve(self, parts: Sequence[str]) -> Origins:
        """Return the origins of the dotted name `parts`; if nothing has it, all in sight."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.local(parts)
            if found is not None:
                return found
            scope = scope.outer
        return union(relation.everything for _, relation in self.sources)

    def local(self, parts: Sequence[str]) -> Origins | None:
        """Return the origins of the dotted name `parts` in this scope alone, None if not in it."""
        for path, relation in self.sources:
            rest = _after(path, parts)
            if rest:
                return relation.column(rest[0])
        return self._unqualified(parts[0])

    def _unqualified(self, name: str) -> Origins | None:
        if name in self.merged:
            return self.merged[name]
        for _, relation in self.sources:
            found = relation.find(name)
            if found is not None:
                return found
        if name in self.aliases:
            return self.aliases[name]
        for path, relation in self.sources:
            if path and path[-1] == name:
                return relation.everything
        return self.unlisted(name) if self.open else None

    @property
    def open(self) -> bool:
        """Whether a FROM item has columns that are not listed."""
        return any(relation.unknown for _, relation in self.sources)

    def unlisted(self, name: str) -> Origins:
        """Return the origins of a column of the FROM items whose columns are not all listed."""
        return union(relation.column(name) for _, relation in self.sources if relation.unknown)

    def star(self, qualifier: Sequence[str] = ()) -> Iterator[tuple[str, Origins]]:
        """Yield the columns that * or `qualifier`.* stands for; merged ones come once."""
        if not qualifier:
            seen: set[str] = set()
            for _, relation in self.sources:
                for name, origins in relation.columns.items():
                    merged = self.merged.get(name.lower())
                    if merged is None or name.lower() not in seen:
                        yield name, origins if merged is None else merged
                    seen.add(name.lower())
            return
        for path, relation in self.sources:
            if _after(path, [*qualifier, "*"]) == ["*"]:
                yield from relation.columns.items()


def _after(path: tuple[str, ...], parts: Sequence[str]) -> list[str]:
    """Return what follows in `parts` after a FROM item's alias or full name, if it leads them."""
    for start in range(len(path)):
        called = list(path[start:])
        if len(parts) > len(called) and list(parts[: len(called)]) == called:
            return list(parts[len(called) :])
    return []
