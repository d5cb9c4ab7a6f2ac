from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError
from ml_assets.sql.mask import Witness, knowledge, masked, stamped
from ml_assets.sql.tables import CleanedTable, Column
from ml_assets_tests.sql.miniature import CLEANED, SPINE, Miniature

START = datetime(2013, 6, 1, tzinfo=UTC)
FLIGHTS = ", ".join(
    f"({n}, '{'AB'[n % 2]}', '{START + timedelta(minutes=37 * n)}', "
    f"{'NULL' if n % 7 == 3 else (n * 13) % 60 - 5})"
    for n in range(40)
)
WEATHER = ", ".join(
    f"('{origin}', '{START + timedelta(hours=n)}', {n % 5}.5)"
    for n in range(-3, 30)
    for origin in "AB"
)
CUTOFFS = [START + timedelta(minutes=37 * n - 120) for n in (5, 20, 34)]
OWN_DELAY = f"""
    SELECT f.id, f.prediction_time, d.delay AS value
    FROM ({SPINE}) f LEFT JOIN cleaned.departures d USING (id)"""
LEAKS = {
    "own departure delay": {"features.last": OWN_DELAY},
    "weather of the hour after": {
        "features.last": f"""
            SELECT f.id, f.prediction_time, w.temp AS value FROM ({SPINE}) f
            ASOF LEFT JOIN cleaned.weather w
                ON f.origin = w.origin AND f.prediction_time + INTERVAL 1 HOUR >= w.known_at"""
    },
    "rate that includes the row itself": {
        "features.last": f"""
            SELECT f.id, f.prediction_time, avg((d.delay >= 15)::INT)::DOUBLE AS value
            FROM ({SPINE}) f LEFT JOIN cleaned.departures d
                ON d.origin = f.origin AND (d.known_at <= f.prediction_time OR d.id = f.id)
            GROUP BY ALL"""
    },
    "mean over the whole table in a cleaned SELECT": {
        "cleaned.departures": """
            SELECT id, origin, sched, dep_delay - avg(dep_delay) OVER () AS delay,
                sched + to_minutes(dep_delay::INT) AS known_at FROM raw.flights"""
    },
    "feature built on a leaking feature": {"features.base": OWN_DELAY},
}


def test_honest_features_pass_at_every_cutoff() -> None:
    mini = Miniature(FLIGHTS, WEATHER, {})
    assert [mini.travel(cutoff) for cutoff in CUTOFFS] == [[], [], []]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_fails_and_names_the_column(leak: str) -> None:
    mini = Miniature(FLIGHTS, WEATHER, LEAKS[leak])
    for cutoff in CUTOFFS:
        found = mini.travel(cutoff)
        assert [(item.fault, item.column) for item in found] == [("changed", "value")]
        message = found[0].message("features.last", cutoff)
        assert message.startswith(f"features.last.value: {found[0].rows} row")
        assert cutoff.isoformat() in message


def test_rows_that_were_rejected_or_cancelled_raise_no_false_alarm() -> None:
    flights = FLIGHTS + f", (90, 'A', '{START}', 900), (91, 'A', NULL, 3)"
    mini = Miniature(flights, WEATHER, {})
    assert mini.con.sql("SELECT count(*) FROM lake.cleaned.departures_rejected").fetchall() == [
        (2,)
    ]
    assert [mini.travel(cutoff) for cutoff in CUTOFFS] == [[], [], []]


Flight = tuple[int, str, int | None]
DELAYS = st.lists(
    st.tuples(st.integers(0, 600), st.sampled_from("AB"), st.none() | st.integers(-60, 600)),
    min_size=1,
    max_size=8,
)


def values(delays: list[Flight]) -> str:
    return ", ".join(
        f"({n}, '{origin}', '{START + timedelta(minutes=at)}', "
        f"{'NULL' if delay is None else delay}::DOUBLE)"
        for n, (at, origin, delay) in enumerate(delays)
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(DELAYS, st.integers(-200, 700))
def test_an_honest_select_never_differs(delays: list[Flight], minute: int) -> None:
    mini = Miniature(values(delays), WEATHER, {})
    assert mini.travel(START + timedelta(minutes=minute)) == []


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(DELAYS, st.data())
def test_a_leak_of_the_own_delay_is_found_at_every_flown_flights_cutoff(
    delays: list[Flight], data: st.DataObject
) -> None:
    flown = [at for at, _, delay in delays if delay is not None and delay <= 500]
    mini = Miniature(values(delays), WEATHER, LEAKS["own departure delay"])
    if not flown:
        return
    cutoff = START + timedelta(minutes=data.draw(st.sampled_from(flown)) - 120)
    (found,) = mini.travel(cutoff)
    assert (found.fault, found.column, found.rebuilt) == ("changed", "value", None)


def witness(name: str, facts: tuple[str, ...], rows: str) -> Witness:
    table = CleanedTable(
        description="",
        rows="raw.t",
        rows_key=("nullif(t.k, 0)",),
        key=("key",),
        known_at="known_at",
        facts=facts,
        columns={"key": Column(type="INTEGER"), "known_at": Column(type="TIMESTAMPTZ")},
    )
    return Witness(name, table, f"(SELECT * FROM (VALUES {rows}) w(key, known_at))")


RAW = "(SELECT * FROM (VALUES (1, 10, 100), (2, 20, 200), (0, 30, 300), (4, 40, 400)) r(k, a, b))"
EARLY, LATE = "TIMESTAMPTZ '2013-05-01'", "TIMESTAMPTZ '2013-07-01'"


def rows(*witnesses: Witness) -> list[tuple[Any, ...]]:
    stamps = stamped("t", RAW, ["k", "a", "b"], witnesses)
    sql = masked(f"({stamps})", ["k", "a", "b"], witnesses, START)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    return con.sql(f"{sql} ORDER BY k").fetchall()


def test_without_witnesses_a_table_is_shown_as_it_is() -> None:
    assert len(rows()) == 4


def test_facts_are_null_until_known_and_for_ever_where_nobody_knows_them() -> None:
    seen = rows(witness("arrivals", ("b",), f"(1, {EARLY}), (2, {LATE}), (NULL, {EARLY})"))
    assert seen == [(0, 30, 300), (1, 10, 100), (2, 20, None), (4, 40, None)]


def test_whole_rows_are_hidden_until_known() -> None:
    assert rows(witness("schedule", (), f"(1, {EARLY}), (2, {LATE})")) == [(1, 10, 100)]


def test_several_tables_hide_what_each_declares() -> None:
    seen = rows(
        witness("schedule", (), f"(1, {EARLY}), (2, {LATE}), (NULL, {EARLY})"),
        witness("departures", ("a",), f"(1, {EARLY}), (2, {EARLY}), (4, {EARLY})"),
        witness("arrivals", ("b",), f"(1, {LATE})"),
    )
    assert seen == [(0, None, None), (1, 10, None), (4, 40, None)]


def test_a_fact_of_two_tables_is_known_with_the_first() -> None:
    seen = rows(witness("one", ("a",), f"(1, {LATE})"), witness("two", ("A",), f"(1, {EARLY})"))
    assert seen[1] == (1, 10, 100)


def test_a_key_that_is_stored_twice_does_not_multiply_rows() -> None:
    seen = rows(witness("schedule", (), f"(1, {EARLY}), (1, {LATE}), (4, {EARLY}), (4, {EARLY})"))
    assert seen == [(4, 40, 400)]


def test_an_unknown_fact_and_a_static_witness_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"arrivals declares the fact c, which raw\.t lacks"):
        rows(witness("arrivals", ("c",), f"(1, {EARLY})"))
    static = CleanedTable(**{**CLEANED["schedule"].__dict__, "known_at": None})
    with pytest.raises(DeclarationError, match="planes has no known_at"):
        Witness("planes", static, "x")


def test_knowledge_reads_kept_and_rejected_rows() -> None:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    kept = f"(SELECT 1 AS id, {EARLY} AS known_at)"
    rejected = """(SELECT '{"id": "2", "known_at": "2013-07-01 00:00:00+00"}' AS "row")"""
    sql = knowledge(CLEANED["schedule"], kept, rejected)
    assert con.sql(f"SELECT id, month(known_at) FROM ({sql})").fetchall() == [(1, 5), (2, 7)]
