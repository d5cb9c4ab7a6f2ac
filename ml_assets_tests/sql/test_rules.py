from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ml_assets.errors import DeclarationError
from ml_assets.sql import rules
from ml_assets.sql.tables import CleanedTable, Column, FeatureTable, RawTable

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = duckdb.DuckDBPyConnection


def table(columns: dict[str, Column], key: str = "k", **moments: str) -> CleanedTable:
    return CleanedTable(
        description="",
        rows="raw.t",
        rows_key=("k",),
        key=(key,),
        columns={"k": Column(type="INTEGER"), **columns},
        time=moments.get("time"),
        known_at=moments.get("known_at"),
        event_time=moments.get("event_time"),
    )


@pytest.fixture
def con() -> Iterator[Connection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA cleaned")
        con.execute("CREATE TABLE cleaned.airlines AS FROM (VALUES ('AA'), (NULL)) t(carrier)")
        yield con


def judge(con: Connection, contract: CleanedTable, values: str) -> dict[Any, str | None]:
    """Return {first column: reason} of the rows in `values`."""
    names = ", ".join(f'"{name}"' for name in contract.columns)
    relation = f"(SELECT * FROM (VALUES {values}) t({names}))"
    sql = rules.judged(relation, rules.row_rules(contract))
    return {row[0]: row[-1] for row in con.sql(sql).fetchall()}


def test_each_rule_names_its_column_and_bound(con: Connection) -> None:
    contract = table(
        {
            "speed": Column(type="DOUBLE", min=0, max=200.5),
            "carrier": Column(type="VARCHAR", nullable=True, references="cleaned.airlines.carrier"),
            "kind": Column(type="VARCHAR", nullable=True, allowed=("a", "it's")),
        }
    )
    values = """
        (1, 3.0::DOUBLE, 'AA', 'a'), (2, NULL, NULL, NULL), (3, 'nan', 'AA', 'it''s'),
        (4, '-infinity', 'ZZ', 'b'), (5, -1, 'AA', 'a'), (6, 200.6, 'AA', 'a'),
        (7, 200.5, 'AA', 'a'), (8, 0, '', '')
    """
    assert judge(con, contract, values) == {
        1: None,
        2: "speed is NULL",
        3: "speed not finite",
        4: "speed not finite; carrier not in cleaned.airlines.carrier; kind not an allowed value",
        5: "speed below 0",
        6: "speed above 200.5",
        7: None,
        8: "carrier not in cleaned.airlines.carrier; kind not an allowed value",
    }


def test_a_nullable_column_is_still_finite(con: Connection) -> None:
    contract = table({"x": Column(type="DOUBLE", nullable=True)})
    values = "(1, NULL::DOUBLE), (2, 'inf'), (3, 1e300)"
    assert judge(con, contract, values) == {1: None, 2: "x not finite", 3: None}


def test_a_value_that_does_not_fit_its_integer_is_rejected_and_the_rest_cast(
    con: Connection,
) -> None:
    contract = table({"n": Column(type="TINYINT"), "m": Column(type="SMALLINT", max=1e9)})
    values = "(1, 127::HUGEINT, 5::BIGINT), (2, 128, 5), (3, -129, 40000)"
    names = '"k", "n", "m"'
    sql = rules.judged(f"(SELECT * FROM (VALUES {values}) t({names}))", rules.row_rules(contract))
    kept = con.sql(rules.kept(f"({sql})", contract.columns))
    assert kept.fetchall() == [(1, 127, 5)]
    assert [str(kind) for kind in kept.types] == ["INTEGER", "TINYINT", "SMALLINT"]
    reasons = con.sql(rules.rejected(f"({sql})", contract.columns)).fetchall()
    assert [row[1] for row in reasons] == ["n above 127", "n below -128; m above 32767"]


def test_decimals_booleans_and_dates_obey_their_rules(con: Connection) -> None:
    contract = table(
        {
            "d": Column(type="DECIMAL(9,2)", min=0.5),
            "b": Column(type="BOOLEAN", allowed=("true",)),
            "t": Column(type="DATE"),
        }
    )
    values = "(1, 0.50, true, DATE '2013-01-01'), (2, 0.49, false, NULL)"
    broken = "d below 0.5; b not an allowed value; t is NULL"
    assert judge(con, contract, values) == {1: None, 2: broken}


def test_keys_and_times_are_never_null_even_when_declared_nullable(con: Connection) -> None:
    moment = Column(type="TIMESTAMPTZ", nullable=True)
    contract = table(
        {"at": moment, "known": moment, "seen": moment},
        time="at",
        known_at="known",
        event_time="seen",
    )
    values = """
        (NULL, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ),
        (1, '2013-01-01', '2013-01-01', '2013-01-01'), (2, '2013-01-01', '2013-01-01', '2013-01-02')
    """
    assert judge(con, contract, values) == {
        None: "k is NULL; at is NULL; known is NULL",
        1: None,
        2: "known before seen",
    }


def test_feature_tables_need_their_prediction_time_and_raw_tables_have_no_key() -> None:
    moment = Column(type="TIMESTAMPTZ", nullable=True)
    feature = FeatureTable(
        description="",
        rows="cleaned.t",
        key=("k",),
        prediction_time="at",
        columns={"k": Column(type="INTEGER"), "at": moment},
    )
    reasons = [rule.reason for rule in rules.row_rules(feature)]
    assert "at is NULL" in reasons
    raw = RawTable(description="", source={}, columns={"at": moment})
    assert rules.row_rules(raw) == []


def test_names_and_values_with_quotes_are_quoted(con: Connection) -> None:
    contract = table({'a "b" c': Column(type="VARCHAR", allowed=("x",))})
    names = '"k", "a ""b"" c"'
    sql = rules.judged(f"(SELECT * FROM (VALUES (1, 'y''')) t({names}))", rules.row_rules(contract))
    assert con.sql(sql).fetchall() == [(1, "y'", 'a "b" c not an allowed value')]
    row = con.sql(rules.rejected(f"({sql})", contract.columns)).fetchall()[0][0]
    assert json.loads(row) == {"k": "1", 'a "b" c': "y'"}


def test_rejected_rows_keep_every_value_as_text(con: Connection) -> None:
    contract = table({"x": Column(type="DOUBLE"), "at": Column(type="TIMESTAMPTZ")})
    values = "(1, 'nan'::DOUBLE, '2013-01-01 05:00:00+00'::TIMESTAMPTZ)"
    relation = f'(SELECT * FROM (VALUES {values}) t(k, x, "at"))'
    sql = rules.judged(relation, rules.row_rules(contract))
    row, reason = con.sql(rules.rejected(f"({sql})", contract.columns)).fetchall()[0]
    assert json.loads(row) == {"k": "1", "x": "nan", "at": "2013-01-01 05:00:00+00"}
    assert reason == "x not finite"


def test_broken_rules_counts_each_rule_with_example_values(con: Connection) -> None:
    contract = table({"x y": Column(type="INTEGER", max=9), "z": Column(type="INTEGER", min=0)})
    values = ", ".join(f"({n}, {n}, {n - 11})" for n in range(20))
    relation = f'(SELECT * FROM (VALUES {values}) t(k, "x y", z))'
    contract_rules = rules.row_rules(contract)
    sql = rules.judged(relation, contract_rules)
    rejected = f"({rules.rejected(f'({sql})', contract.columns)})"
    assert con.sql(rules.broken_rules(rejected, contract_rules)).fetchall() == [
        ("z below 0", 11, ["-1", "-10", "-11", "-2", "-3"]),
        ("x y above 9", 10, ["10", "11", "12", "13", "14"]),
    ]
    assert con.sql(rules.broken_rules(rejected, [])).fetchall() == []


def test_no_rules_keep_everything(con: Connection) -> None:
    assert con.sql(rules.judged("(SELECT 1 AS a)", [])).fetchall() == [(1, None)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": Column(type="VARCHAR", max=3)}, "Column x is VARCHAR"),
        ({"x": Column(type="DOUBLE", max=float("inf"))}, "Column x declares an endless range"),
        ({"x": Column(type="DOUBLE", references="airlines.carrier")}, "Column x references"),
    ],
)
def test_contracts_that_make_no_sense_are_refused(columns: dict[str, Column], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        rules.row_rules(table(columns))


def test_a_key_must_be_declared() -> None:
    contract = table({}, key="other")
    with pytest.raises(DeclarationError, match="Column other is a key or a time"):
        rules.row_rules(contract)


def test_schema_faults_name_table_column_and_both_types() -> None:
    contract = table(
        {"x": Column(type="DOUBLE"), "n": Column(type="SMALLINT"), "s": Column(type="text")}
    )
    assert (
        rules.schema_faults(
            "cleaned.t", contract, {"K": "BIGINT", "x": "DOUBLE", "n": "HUGEINT", "s": "text"}
        )
        == []
    )
    actual = {"k": "INTEGER", "x": "VARCHAR", "s": "VARCHAR", "extra": "DATE"}
    assert rules.schema_faults("cleaned.t", contract, actual) == [
        "cleaned.t.x is retyped: expected DOUBLE, found VARCHAR.",
        "cleaned.t.n is missing: expected SMALLINT, found no such column.",
        "cleaned.t.extra is unexpected: expected no such column, found DATE.",
    ]


def test_referenced_tables_are_dependencies() -> None:
    contract = table({"c": Column(type="VARCHAR", references="cleaned.airlines.carrier")})
    assert rules.referenced(contract) == {("cleaned", "airlines")}
    half = table({"c": Column(type="VARCHAR", references="airlines.carrier")})
    with pytest.raises(DeclarationError, match=r"c references airlines\.carrier"):
        rules.referenced(half)
