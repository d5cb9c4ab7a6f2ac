from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError
from ml_assets.sql.select import dependencies, fingerprint, parse

GOOD = "SELECT a, b AS c FROM cleaned.weather WHERE d = 'x  -- y' -- last"


def reads(text: str) -> frozenset[tuple[str, ...]]:
    return dependencies(parse(text, "cleaned/weather.sql"), "flights")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "weather.sql is empty"),
        ("-- nothing", "weather.sql is empty"),
        ("SELECT 1;", "weather.sql:1: the SELECT ends with a semicolon"),
        ("SELECT 1;\n-- done", "weather.sql:1: the SELECT ends with a semicolon"),
        ("SELECT 1\n;\nSELECT 2", "weather.sql:2: a second statement begins"),
        ("DELETE FROM raw.flights", "weather.sql:1: the statement is no SELECT"),
        ("CREATE TABLE t AS SELECT 1", "no SELECT"),
        ("DESCRIBE SELECT 1", "no SELECT"),
        ("PIVOT raw.x ON a USING sum(b)", "no SELECT"),
        ("SELECT a\nINTO t\nFROM raw.x", "weather.sql:2: the SELECT writes"),
        ("SELECT a\nFROM raw.x\nWHERE (a = 3 +", "weather.sql:3"),
        ("SELECT 'open", "weather.sql"),
        ("ATTACH 'x' AS y", "weather.sql"),
    ],
)
def test_anything_but_one_select_is_refused(text: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse(text, "weather.sql")
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "SELECT 1 AS x UNION ALL SELECT 2",
        "FROM raw.x",
        "(SELECT 1 AS x)",
    ],
)
def test_one_select_is_taken_verbatim(text: str) -> None:
    assert parse(text, "f.sql").text == text


def test_dependencies_are_two_part_names_outside_ctes() -> None:
    text = """
        WITH weather AS (SELECT * FROM cleaned.Weather), later AS (SELECT * FROM weather)
        SELECT * FROM later JOIN RAW.planes USING (x)
        WHERE EXISTS (SELECT 1 FROM cleaned.airlines) AND y IN (SELECT z FROM other.cleaned.sales)
    """
    assert reads(text) == {
        ("cleaned", "weather"),
        ("raw", "planes"),
        ("cleaned", "airlines"),
        ("other", "cleaned", "sales"),
    }


def test_generated_rows_are_no_dependency() -> None:
    text = "SELECT * FROM range(3) r, unnest([1]) u, (VALUES (1)) v, LATERAL (SELECT 1) l"
    assert reads(text) == frozenset()


def test_a_recursive_cte_sees_itself() -> None:
    text = "WITH RECURSIVE r AS (SELECT 1 a UNION ALL SELECT a + 1 FROM r) SELECT * FROM r"
    assert reads(text) == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "SELECT 1\nFROM weather",
            "weather.sql:2: weather is neither a CTE nor a table of a layer",
        ),
        ("SELECT 1 FROM flights.cleaned.weather", "Write cleaned.weather."),
        ("SELECT 1 FROM Flights.raw.x", "Write raw.x."),
        ("SELECT 1 FROM flights.weather", "flights.weather is neither"),
        ("SELECT 1 FROM information_schema.tables", "neither a CTE nor a table of a layer"),
        ("SELECT 1\nFROM read_csv('x.csv')", "weather.sql:2: the table function read_csv"),
        ("SELECT 1 FROM read_parquet('x')", "the table function read_parquet"),
        ("SELECT 1 FROM query_table('raw.x')", "the table function query_table"),
        ("SELECT 1 FROM raw.x, LATERAL read_text(a)", "the table function"),
        ("SELECT 1 FROM 'x.csv'", "x.csv is neither"),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1 x) SELECT * FROM a", "b is neither"),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "a is neither"),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a), a", "a is neither"),
    ],
)
def test_names_that_hide_a_dependency_are_refused(text: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=r"cleaned/weather\.sql:\d+") as caught:
        reads(text)
    assert message in str(caught.value)


def test_fingerprint_changes_with_every_token_but_not_with_comments() -> None:
    same = "SELECT a,b AS c -- why\nFROM /* /* nested */ */ cleaned . weather\nWHERE d='x  -- y'"
    assert fingerprint(parse(GOOD, "f")) == fingerprint(parse(same, "g"))
    for other in ("'x -- y'", "'x  -- Y'", "'x  -- y' AND true"):
        changed = GOOD.replace("'x  -- y'", other)
        assert fingerprint(parse(changed, "f")) != fingerprint(parse(GOOD, "f"))


def test_group_by_is_the_same_over_two_lines() -> None:
    one = "SELECT a FROM raw.x GROUP BY a ORDER BY a"
    two = "SELECT a FROM raw.x GROUP\n  BY a ORDER /* x */ BY a"
    assert fingerprint(parse(one, "f")) == fingerprint(parse(two, "f"))


BLANK = st.sampled_from([" ", "\n", "\t ", " -- c\n", " /* 'x' */ ", " /* a /* b */ */ "])
WORDS = ["SELECT", "a", "+", "1.5e-3", ",", "'it''s  b'", "AS", '"c  d"', "FROM", "raw", ".", "x"]
WORDS += ["GROUP", "BY", "ALL", "ORDER", "BY", "a", "NULLS", "LAST"]


@given(st.lists(BLANK, min_size=len(WORDS), max_size=len(WORDS)))
def test_fingerprint_ignores_white_space_and_comments(blanks: list[str]) -> None:
    text = "".join(word + blank for word, blank in zip(WORDS, blanks, strict=True))
    assert fingerprint(parse(text, "f")) == fingerprint(parse(" ".join(WORDS), "f"))


TEXT = st.text(st.characters(blacklist_characters="'\\", blacklist_categories=["Cs", "Cc"]))


@given(TEXT, TEXT)
def test_fingerprint_tells_any_two_strings_apart(one: str, other: str) -> None:
    prints = [fingerprint(parse(f"SELECT '{text}'", "f")) for text in (one, other)]
    assert (prints[0] == prints[1]) == (one == other)
