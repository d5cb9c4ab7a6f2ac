from __future__ import annotations

import pytest

from ml_assets.words import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")]
)
def test_a_noun_is_singular_for_one_only(number: int, text: str) -> None:
    assert counted(number, "row") == text
