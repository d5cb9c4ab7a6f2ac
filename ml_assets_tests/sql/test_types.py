from __future__ import annotations

import duckdb
import pytest

from ml_assets.sql.types import ALIASES, INTEGERS, canonical, equivalent, is_number


@pytest.mark.parametrize(
    "name",
    [
        *ALIASES,
        *INTEGERS,
        "DECIMAL(9, 2)",
        "VARCHAR(10)",
        "int[]",
        "struct(a int, b text)",
        "MAP(text, int)",
        "timestamp with time zone",
    ],
)
def test_canonical_is_what_describe_says(name: str) -> None:
    described = duckdb.sql(f"DESCRIBE SELECT CAST(NULL AS {name}) AS x").fetchall()[0][1]
    assert canonical(name) == canonical(described)
    assert equivalent(name, described)


@pytest.mark.parametrize(
    ("declared", "actual", "same"),
    [
        ("SMALLINT", "HUGEINT", True),
        ("BIGINT", "INTEGER", True),
        ("DOUBLE", "FLOAT", False),
        ("DOUBLE", "INTEGER", False),
        ("TIMESTAMPTZ", "TIMESTAMP", False),
        ("DECIMAL(9,2)", "DECIMAL(9,3)", False),
        ("VARCHAR", "ENUM('a')", False),
    ],
)
def test_only_integers_may_stand_for_each_other(declared: str, actual: str, same: bool) -> None:
    assert equivalent(declared, actual) is same


def test_numbers() -> None:
    assert all(is_number(name) for name in ("INT", "real", "DECIMAL(9,2)", "uhugeint"))
    assert not any(is_number(name) for name in ("BOOLEAN", "DATE", "VARCHAR", "INTEGER[]"))
