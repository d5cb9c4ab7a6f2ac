"""A SELECT whose answer is no function of its rows is refused when it is read."""

from __future__ import annotations

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.sql.select import parse


@pytest.mark.parametrize(
    ("expression", "fact"),
    [
        ("now()", "reads the clock"),
        ("current_date", "reads the clock"),
        ("today()", "reads the clock"),
        ("current_timestamp", "reads the clock"),
        ("get_current_timestamp()", "reads the clock"),
        ("random()", "depends on chance"),
        ("uuid()", "depends on chance"),
        ("nextval('numbers')", "depends on chance"),
        ("current_setting('TimeZone')", "reads a setting"),
    ],
)
def test_clock_chance_and_session_are_refused(expression: str, fact: str) -> None:
    with pytest.raises(DeclarationError, match=rf"t\.sql:\d+: the SELECT {fact}"):
        parse(f"SELECT a,\n {expression} AS b\nFROM raw.t", "t.sql")


@pytest.mark.parametrize("sample", ["TABLESAMPLE 10%", "USING SAMPLE 10 ROWS"])
def test_samples_are_refused(sample: str) -> None:
    with pytest.raises(DeclarationError, match="depends on chance"):
        parse(f"SELECT a FROM raw.t {sample}", "t.sql")


def test_columns_that_are_called_like_functions_are_fine() -> None:
    parse("SELECT now, random, hash(uuid), getvariable('time_zone') FROM raw.t", "t.sql")
