from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.scaffold.columns import TAKEN, Column, cleaned_names


def column(**given: Any) -> Column:  # noqa: ANN401 - any field of it
    fields = {
        "source": "x",
        "name": "x",
        "type": "INTEGER",
        "rows": 1000,
        "nulls": 0,
        "distinct": 9,
    }
    return Column(**{**fields, **given})


@given(st.lists(st.text(min_size=1), unique_by=str.lower))
def test_names_are_plain_and_all_different(names: list[str]) -> None:
    found = list(cleaned_names(names).values())
    assert len(set(found)) == len(names)
    assert not TAKEN & {*found}
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name, re.ASCII) for name in found)


def test_names_stay_readable() -> None:
    assert cleaned_names(
        ["Region Name", "tip (USD)", "2nd", "Zurückgesandt?", "region_name", "known_at"]
    ) == {
        "Region Name": "region_name",
        "tip (USD)": "tip_usd",
        "2nd": "c_2nd",
        "Zurückgesandt?": "zuruckgesandt",
        "region_name": "region_name_2",
        "known_at": "known_at_2",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "customer_id", "distinct": 500}, True),
        ({"name": "shop_id", "distinct": 5}, False),
        ({"name": "count", "distinct": 500}, False),
        ({"name": "amount_no", "distinct": 500, "type": "DOUBLE"}, False),
        ({"name": "row", "distinct": 1000, "low": 1.0, "high": 1000.0}, True),
        ({"name": "name", "distinct": 900, "type": "VARCHAR"}, True),
        ({"name": "product_code", "distinct": 30, "type": "VARCHAR"}, False),
        ({"name": "day_id", "distinct": 500, "type": "DATE"}, False),
    ],
)
def test_identifiers_are_told_from_quantities(given: dict[str, Any], *, expected: bool) -> None:
    assert column(**given).identifier is expected


def test_nothing_but_null_and_one_value_are_constant() -> None:
    assert column(distinct=0, nulls=1000).constant
    assert column(distinct=1).constant
    assert not column(distinct=1, nulls=1).constant
