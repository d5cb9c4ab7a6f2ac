"""Where in a YAML document something stands, as line numbers that start at 1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TABLE = re.compile(r"\b(raw|cleaned|features)\.(\w+)")
_QUOTED = re.compile(r"'([^']*)'")


def at(root: yaml.Node | None, location: Sequence[int | str]) -> int:
    """Return the line of the deepest part of `location` that is there."""
    return _follow(root, location)[-1][0]


def named(root: yaml.Node | None, fact: str) -> int:
    """Return the line of what `fact` names: a quoted value, else a table; 1 where neither is."""
    found = (_follow(root, ["attributes", *parts]) for parts in _TABLE.findall(fact))
    # The path to a table that is not declared ends early.
    tables = [steps[-1] for steps in found if len(steps) == 4]
    for _, node in (*tables, (1, root)):
        for word in _QUOTED.findall(fact):
            for one in _values(node):
                if one.value == word:
                    return _line(one)
    return tables[0][0] if tables else 1


def repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield line and name of every key that its mapping already has."""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    yield _line(key), key.value
                seen.add(key.value)


def _follow(
    root: yaml.Node | None, location: Sequence[int | str]
) -> list[tuple[int, yaml.Node | None]]:
    """Return line and value of the document and of every part of `location` that is there."""
    steps: list[tuple[int, yaml.Node | None]] = [(1, root)]
    for part in location:
        step = _step(steps[-1][1], part)
        if step is None:
            break
        steps.append(step)
    return steps


def _step(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(
            ((_line(key), value) for key, value in node.value if key.value == str(part)), None
        )
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return _line(node.value[part]), node.value[part]
    return None


def _values(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    return (one for one in _nodes(node) if isinstance(one, yaml.ScalarNode))


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """Yield the node and every value below it, in the order of the text."""
    if node is None:
        return
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
