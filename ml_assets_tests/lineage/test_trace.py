"""The trace of a prediction on the sampled flights, held against the tables themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from ml_assets import cli_lineage
from ml_assets.errors import DataError, DeclarationError, MLAssetsError
from ml_assets.lineage.entity import find, named
from ml_assets.lineage.told_trace import trace_lines
from ml_assets.lineage.trace import trace
from ml_assets.registry.record import read_record
from ml_assets_tests.sandbox import refresh

if TYPE_CHECKING:
    from ml_assets.lineage.trace import Trace
    from ml_assets_tests.finished import Finished

KEY = ("flight_date", "carrier", "flight_number", "origin")
ALONE = """(SELECT count(*) FROM flights.cleaned.schedule AS other
    WHERE other.flight_date = schedule.flight_date
    AND other.flight_number = schedule.flight_number) = 1"""
"""True of a flight whose day and number are enough."""
Given = tuple[str, ...]


def of(found: Finished, *given: str) -> Trace:
    return trace(found.box.pipeline, found.settings, given)


def asked(found: Finished, query: str) -> list[tuple[Any, ...]]:
    with found.box.lake() as con:
        return con.execute(query).fetchall()


def flight(found: Finished, where: str = "month(flight_date) = 3") -> Given:
    """Return the key of a flight, as texts."""
    names = ", ".join(f"{name}::VARCHAR" for name in KEY)
    query = f"SELECT {names} FROM flights.cleaned.schedule WHERE {where} ORDER BY ALL LIMIT 1"
    (row,) = asked(found, query)
    return row


def matches(given: Given) -> str:
    return " AND ".join(f"{name} = '{text}'" for name, text in zip(KEY, given, strict=True))


@pytest.mark.slow
def test_a_prediction_is_followed_to_its_model_and_training(built: Finished) -> None:
    given = flight(built)
    found = of(built, *given)
    (row,) = asked(
        built,
        "SELECT score, model_version, trained_on, scored_at, snapshot"
        f" FROM flights.predictions.scores WHERE {matches(given)}",
    )
    assert found.prediction is not None
    assert tuple(vars(found.prediction).values()) == row
    assert found.snapshot == found.prediction.snapshot
    (version,) = built.versions()
    assert found.model is not None
    assert found.model.record == read_record(built.settings.tracking_uri, version.run_id)
    assert (found.model.mlflow_run_id, found.model.aliases) == (version.run_id, ("champion",))
    assert (found.model.dagster_run_id, found.model.code_changed) == (built.run_id, ())
    (promotion,) = found.model.promotions
    assert (promotion.reason, promotion.run_id) == ("the first version", built.run_id)


@pytest.mark.slow
def test_an_entity_is_followed_to_its_raw_rows(built: Finished) -> None:
    given = flight(built)
    found = of(built, *given)
    rows = {one.table: one for one in found.rows}
    layers = [name.split(".")[0] for name in rows]
    assert layers == ["features"] * 5 + ["cleaned"] * 2 + ["raw"]
    assert {one.partition for one in found.rows} == {"2013-03"}
    day, carrier, number, origin = given
    raw = (
        f"make_date(year, month, day) = '{day}' AND carrier = '{carrier}'"
        f" AND flight = {number} AND origin = '{origin}'"
    )
    for table, found_rows in rows.items():
        where = raw if table == "raw.flights" else matches(given)
        (row,) = asked(built, f"SELECT * EXCLUDE (_partition) FROM flights.{table} WHERE {where}")
        (shown,) = found_rows.rows
        assert tuple(shown.values()) == row
        assert not found_rows.changed
    (shown,) = rows["raw.flights"].rows
    with built.box.lake() as con:
        loads = con.execute("SELECT DISTINCT _load_id FROM flights.raw.flights").fetchall()
    assert (shown["_load_id"],) in loads
    seen = rows["features.history"].built
    assert seen is not None
    assert {table: set(read) for table, read in seen.inputs.items()} == {
        "cleaned.schedule": {"2013-01", "2013-02", "2013-03"},
        "cleaned.arrivals": {"2013-01", "2013-02", "2013-03"},
    }


@pytest.mark.slow
def test_the_label_is_told_when_it_is_known(
    built: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = flight(built)
    found = of(built, *given)
    (row,) = asked(
        built,
        "SELECT (arrival_delay >= 15)::DOUBLE, known_at FROM flights.cleaned.arrivals"
        f" WHERE {matches(given)}",
    )
    assert (found.label.value, found.label.known_at, found.label.known) == (*row, True)
    monkeypatch.setenv("ML_ASSETS_NOW", "2013-03-01T00:00:00+00:00")
    found = of(built, *given)
    assert not found.label.known
    assert any("not known yet: it is from 2013-03-01" in line for line in trace_lines(found))


def test_without_a_label_it_says_by_which_rule(built: Finished) -> None:
    cancelled = "(flight_date, carrier, flight_number, origin) NOT IN (SELECT flight_date, carrier,"
    left = f"{cancelled} flight_number, origin FROM flights.cleaned.departures)"
    found = of(built, *flight(built, left))
    assert found.label.lacking == "cleaned.arrivals excludes it: cancelled"
    assert "label        none: cleaned.arrivals excludes it: cancelled" in list(trace_lines(found))


@pytest.mark.slow
def test_what_was_not_scored_says_why_and_shows_the_rest(mine: Finished) -> None:
    trained = flight(mine, "month(flight_date) = 1")
    found = of(mine, *trained)
    assert found.prediction is None
    assert found.model is None
    assert found.unscored.startswith("champion version 1 was trained on 2013-01")
    assert [row["origin"] for row in found.rows[-1].rows] == [trained[3]]
    assert "Its rows today:" in list(trace_lines(found))
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.predictions.scores")
    scored = flight(mine)
    assert "2013-03 was not scored yet: `ml-assets run flights`" in of(mine, *scored).unscored
    mine.client().delete_registered_model_alias("flights", "champion")
    assert of(mine, *scored).unscored == "there is no champion to score with"


@pytest.mark.slow
def test_rows_are_those_that_were_scored_though_they_changed_since(mine: Finished) -> None:
    given = flight(mine)
    before = of(mine, *given)
    mine.box.edit("weather", lambda lines: [*lines[:-300], *lines[-150:]])
    mine.box.edit("planes", lambda lines: [line.replace("BOEING", "Boeing") for line in lines])
    with mine.box.lake() as con:
        refresh(con, mine.box.pipeline)
    after = of(mine, *given)
    assert after.prediction == before.prediction
    assert [one.rows for one in after.rows] == [one.rows for one in before.rows]
    changed = {one.table for one in after.rows if one.changed}
    assert {"features.aircraft"} <= changed <= {"features.aircraft", "features.weather"}
    assert any("it holds something else today" in line for line in trace_lines(after))

    with mine.box.lake() as con:
        (newest,) = con.execute("SELECT max(snapshot_id) FROM flights.snapshots()").fetchall()[0]
        con.execute(f"CALL ducklake_expire_snapshots('flights', versions => {[*range(newest)]})")
    today = of(mine, *given)
    assert today.snapshot is None
    assert not any(one.changed for one in today.rows)
    assert any(line.endswith("has expired:") for line in trace_lines(today))


@pytest.mark.slow
def test_a_version_that_is_gone_is_told(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("UPDATE flights.predictions.scores SET model_version = 9")
    found = of(mine, *flight(mine))
    assert found.model is None
    assert "nothing is recorded of that version any more" in "\n".join(trace_lines(found))


def test_the_key_is_given_by_name_or_by_position_or_in_part(built: Finished) -> None:
    given = flight(built, f"month(flight_date) = 3 AND {ALONE}")
    pairs = [f"{name}={text}" for name, text in zip(KEY, given, strict=True)]
    day, _, number, _ = pairs
    with built.box.lake() as con:
        whole, turned, part = (
            find(con, built.box.pipeline, named(KEY, words))
            for words in (given, pairs[::-1], (number, day))
        )
    assert whole == turned == part
    assert tuple(str(value) for value in whole.key.values()) == given
    assert whole.partition == "2013-03"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((), "Nothing is no key."),
        (("a", "b", "c", "d", "e"), "a b c d e is no key."),
        (("origin=EWR", "JFK"), "origin=EWR JFK is no key."),
        (("origin=EWR", "origin=JFK"), "is no key."),
        (("destination=EWR", "origin=JFK"), "is no key."),
    ],
)
def test_what_is_no_key_is_told_with_the_key(given: Given, text: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        named(KEY, given)
    assert text in str(caught.value)
    assert "Write flight_date=... carrier=... flight_number=... origin=..." in str(caught.value)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert named(("code",), ["a=b"]) == {"code": "a=b"}
    assert named(("code",), ["code=a=b"]) == {"code": "a=b"}


@pytest.mark.slow
def test_an_entity_that_is_not_there_is_told_with_its_neighbours(built: Finished) -> None:
    day, carrier, number, origin = flight(built)
    with pytest.raises(DataError) as caught:
        of(built, day, carrier, "9999", origin)
    assert "features.schedule has no row with" in caught.value.fact
    numbers = asked(
        built,
        "SELECT DISTINCT flight_number FROM flights.features.schedule"
        f" WHERE flight_date = '{day}' AND carrier = '{carrier}' AND origin = '{origin}'"
        " ORDER BY abs(flight_number - 9999) LIMIT 5",
    )
    near = ", ".join(str(one) for (one,) in numbers)
    assert f"With another flight_number: {near}" in caught.value.hint
    assert number in {str(one) for (one,) in numbers} or len(numbers) == 5
    with pytest.raises(DataError, match=r"entities have flight_date=.*Name carrier, flight_number"):
        of(built, day)
    with pytest.raises(DataError, match=r"flight_date=May is no DATE\. Write it like flight_date="):
        of(built, "May")
    with pytest.raises(DataError, match="shows what there is"):
        of(built, "1999-01-01", "XX", "9999", "XXX")


@pytest.mark.slow
def test_an_entity_that_was_rejected_is_told_with_the_reason(mine: Finished) -> None:
    day, carrier, number, origin = given = flight(mine)

    def stretch(lines: list[str]) -> list[str]:
        head = lines[0].split(",")
        wanted = {"carrier": carrier, "flight": number, "origin": origin, "month": "3"}
        wanted["day"] = str(int(day[-2:]))
        cells = [line.split(",") for line in lines]
        for row in cells[1:]:
            if all(row[head.index(name)] == text for name, text in wanted.items()):
                row[head.index("distance")] = "20000"
        return [",".join(row) for row in cells]

    mine.box.edit("flights", stretch)
    with mine.box.lake() as con:
        refresh(con, mine.box.pipeline)
    with pytest.raises(DataError) as caught:
        of(mine, *given)
    assert caught.value.hint == "It was rejected from cleaned.schedule: distance above 10000."


def test_before_anything_is_built_it_says_so(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.ops.slices WHERE table_name = 'features.schedule'")
    with pytest.raises(DataError, match=r"flights\.features\.schedule was never built"):
        of(mine, *flight(mine))


def test_the_verbs_print_what_was_found(built: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_lineage, "pipeline_named", lambda name: built.box.pipeline)
    given = flight(built)
    told = CliRunner().invoke(cli_lineage.trace, ["flights", *given])
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"flights: flight_date={given[0]}, carrier={given[1]}")
    heads = ("partition    2013-03", "prediction   0.", "model        version 1 (champion)")
    for head in (*heads, "live         ", "runs         MLflow run "):
        assert any(line.startswith(head) for line in told.output.splitlines()), head
    assert (
        "  read cleaned.schedule 2013-02, 2013-03; cleaned.weather 2013-02, 2013-03" in told.output
    )
    assert "  loaded " in told.output
    assert max(map(len, told.output.splitlines())) <= 120
    told = CliRunner().invoke(cli_lineage.impact, ["flights.raw.flights", "2013-02"])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("flights.raw.flights 2013-02: 1,659 rows, content ")
    assert "\nWhat to do: Nothing, unless raw.flights 2013-02 is bad" in told.output
    told = CliRunner().invoke(cli_lineage.impact, ["flights.raw.planes", "2013-02"])
    assert isinstance(told.exception, MLAssetsError)
