from __future__ import annotations

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from ml_assets.component import lines

KEYS = st.text("abcdef", min_size=1, max_size=4)
TREES = st.recursive(
    st.integers(0, 9),
    lambda below: st.dictionaries(KEYS, below, min_size=1) | st.lists(below, min_size=1),
    max_leaves=12,
)


def places(tree: object, location: list[int | str]) -> list[list[int | str]]:
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    found = [location]
    for key, value in pairs:
        found += places(value, [*location, key])
    return found


@pytest.mark.slow
@given(st.dictionaries(KEYS, TREES, min_size=1))
def test_every_place_of_a_document_is_found_on_its_line(tree: dict[str, object]) -> None:
    marked, count = _marked(tree)
    root = yaml.compose(yaml.safe_dump(marked, sort_keys=False))
    text = yaml.safe_dump(marked, sort_keys=False).splitlines()
    assert count >= 0
    for location in places(marked, []):
        if location and isinstance(location[-1], str):
            assert f"{location[-1]}:" in text[lines.at(root, location) - 1]


def _marked(tree: object, count: int = 0) -> tuple[object, int]:
    """Number the keys, so that each stands on one line only."""
    if isinstance(tree, dict):
        found: dict[str, object] = {}
        for key, value in tree.items():
            name, count = f"{key}{count}x", count + 1
            found[name], count = _marked(value, count)
        return found, count
    if isinstance(tree, list):
        items = []
        for value in tree:
            item, count = _marked(value, count)
            items.append(item)
        return items, count
    return tree, count


def test_a_place_that_is_not_there_is_the_line_above_it() -> None:
    root = yaml.compose("a:\n  b:\n    c: 1\n")
    assert lines.at(root, ["a", "b", "missing", "deeper"]) == 2


def test_a_quoted_word_inside_the_named_table_comes_first() -> None:
    root = yaml.compose(
        "attributes:\n  raw:\n    a:\n      time: x\n  cleaned:\n    b:\n      time: x\n"
    )
    assert lines.named(root, "cleaned.b names 'x'.") == 7
    assert lines.named(root, "raw.a names 'x'.") == 4
    assert lines.named(root, "raw.a names 'y'.") == 3
    assert lines.named(root, "raw.c names 'y'.") == 1


def test_a_repeated_key_is_found_at_any_depth() -> None:
    root = yaml.compose("a: 1\nb:\n  - {c: 1, d: 2}\n  - c: 1\n    d: 2\n    c: 3\na: 2\n")
    assert list(lines.repeated(root)) == [(7, "a"), (6, "c")]
    assert list(lines.repeated(None)) == []
