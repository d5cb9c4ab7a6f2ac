from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from ml_assets.sql.difference import Difference, difference

CUTOFF = datetime(2013, 6, 1, tzinfo=UTC)
BEFORE, AFTER = "TIMESTAMPTZ '2013-05-31'", "TIMESTAMPTZ '2013-06-02'"
TYPES = {"k": "INTEGER", "at": "TIMESTAMPTZ", "x": "DOUBLE", "s": "VARCHAR"}


def compare(original: str, rebuilt: str) -> list[Difference]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    tables = [
        f'(SELECT k::INTEGER AS k, "at", x::DOUBLE AS x, s::VARCHAR AS s'
        f' FROM (VALUES {values}) t(k, "at", x, s))'
        for values in (original, rebuilt)
    ]
    sql = difference(tables[0], tables[1], ["k"], TYPES, "at", CUTOFF)
    return [Difference(*row) for row in con.sql(sql).fetchall()]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0", "1.0 + 5e-10", True),
        ("1.0", "1.0 + 2e-9", False),
        ("1e12", "1e12 + 500", True),
        ("0.0", "1e-12", False),
        ("NULL", "NULL", True),
        ("NULL", "0", False),
        ("0", "NULL", False),
        ("'nan'", "'nan'", True),
        ("'nan'", "1", False),
        ("'inf'", "'inf'", True),
        ("'inf'", "'-inf'", False),
        ("1", "'inf'", False),
    ],
)
def test_floats_are_compared_relatively(one: str, other: str, same: bool) -> None:
    found = compare(
        f"(1, {BEFORE}, CAST({one} AS DOUBLE), 'a')", f"(1, {BEFORE}, CAST({other} AS DOUBLE), 'a')"
    )
    assert (found == []) is same


def test_rows_after_the_cutoff_do_not_count() -> None:
    assert compare(f"(1, {AFTER}, 1, 'a')", f"(1, {AFTER}, 2, 'b'), (2, {AFTER}, 2, 'b')") == []


def test_every_fault_has_its_count_and_smallest_example() -> None:
    original = f"(1, {BEFORE}, 1, 'a'), (2, {BEFORE}, 2, 'b'), (3, {BEFORE}, 3, 'c')"
    rebuilt = f"(1, {BEFORE}, 1, NULL), (2, {BEFORE}, 9, 'x'), (4, {BEFORE}, 3, 'c')"
    found = compare(original, rebuilt)
    assert found[0] == Difference("changed", "s", 2, "(k=1)", "a", None)
    assert set(found[1:]) == {
        Difference("changed", "x", 1, "(k=2)", "2.0", "9.0"),
        Difference("missing", None, 1, "(k=3)", None, None),
        Difference("extra", None, 1, "(k=4)", None, None),
    }


def test_messages_name_table_column_count_key_and_values() -> None:
    changed = Difference("changed", "x", 2, "(k=1)", "a", None).message("features.t", CUTOFF)
    when = "with what was known at 2013-06-01T00:00:00+00:00"
    assert changed == f"features.t.x: 2 rows differ {when}: (k=1) a became NULL."
    extra = Difference("extra", None, 1, "(k=4)", None, None).message("features.t", CUTOFF)
    assert extra == f"features.t: 1 row extra {when}: (k=4)."
