from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.scaffold.flow import flow

VALUES = st.recursive(
    st.text() | st.booleans() | st.integers(-(10**9), 10**9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
)


@pytest.mark.slow
@given(VALUES)
def test_yaml_reads_what_was_written(value: object) -> None:
    text = flow(value)
    assert "\n" not in text
    assert yaml.safe_load(f"key: {text}") == {"key": value}


def test_texts_are_quoted_only_where_they_must_be() -> None:
    assert flow({"type": "VARCHAR", "allowed": ["yes", "north", "2024-01"], "max": 5.0}) == (
        '{type: VARCHAR, allowed: ["yes", north, "2024-01"], max: 5}'
    )
