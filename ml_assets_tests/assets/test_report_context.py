"""What the report says besides the evaluation: true of the data that the model was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.assets.report_context import report_context
from ml_assets.registry.record import read_record
from ml_assets.sql.tables import CleanedTable
from ml_assets.warehouse.lake import connect
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from ml_assets.reports.context import ReportContext
    from ml_assets_tests.finished import Finished


def gathered(finished: Finished) -> ReportContext:
    (version,) = finished.versions()
    record = read_record(finished.settings.tracking_uri, version.run_id)
    with (
        finished.instance() as instance,
        connect("flights", finished.settings, snapshot=record.snapshot_id) as con,
    ):
        return report_context(instance, con, finished.box.pipeline, version, record)


@pytest.fixture(scope="module")
def context(finished: Finished) -> ReportContext:
    return gathered(finished)


def test_who_made_it(finished: Finished, context: ReportContext) -> None:
    (version,) = finished.versions()
    assert context.provenance.mlflow_run_id == version.run_id
    assert context.provenance.dagster_run_id == finished.run_id
    assert context.provenance.snapshot_id == finished.latest("training_set")["snapshot"]
    assert (context.model.name, context.model.version) == ("flights", "1")
    assert context.model.alias == "champion"
    assert context.question == "Will a flight arrive 15 or more minutes late?"
    assert context.time_zone == "America/New_York"


def test_windows_are_local_days(context: ReportContext) -> None:
    assert [(w.role, w.partitions, w.start, w.end) for w in context.model.windows] == [
        ("train", ("2013-01",), "2013-01-01", "2013-02-01"),
        ("tune", ("2013-02",), "2013-02-01", "2013-03-01"),
        ("test", ("2013-03",), "2013-03-01", "2013-04-01"),
    ]


def test_every_row_of_the_training_months_is_used_or_left_out(
    finished: Finished, context: ReportContext
) -> None:
    with finished.box.lake() as con:
        ((entities, without),) = con.execute("""
            SELECT count(*), count(*) FILTER (WHERE arrivals.origin IS NULL)
            FROM flights.features.schedule LEFT JOIN flights.cleaned.arrivals
                USING (flight_date, carrier, flight_number, origin)
            WHERE schedule._partition IN ('2013-01', '2013-02')
        """).fetchall()
    left = context.model.left_out
    assert left["no label"] == without > 0
    assert left["label not known yet"] == 0
    assert context.model.training_rows + sum(left.values()) == entities


def test_tables_are_accounted_for_and_static_ones_told(
    finished: Finished, context: ReportContext
) -> None:
    found = {one.table: one for one in context.accounting}
    for one in found.values():
        out = sum(one.rejected.values()) + one.duplicates + sum(one.excluded.values())
        assert one.rows_in == one.kept + out, one.table
    assert found["cleaned.arrivals"].excluded["cancelled"] > 0
    assert sum(found["cleaned.weather"].rejected.values()) == 1
    known = {one.table: one.known_at for one in context.tables}
    for node in finished.box.pipeline.ordered:
        if isinstance(node.declared, CleanedTable):
            assert known[node.dotted] == node.declared.known_at
    assert known["cleaned.planes"] is None
    travels = {travel.table: travel for travel in context.time_travel}
    assert set(travels) == {node.dotted for node in finished.box.pipeline.features}
    weather = travels["features.weather"]
    assert (weather.passed, weather.leaking) == (True, ())
    assert weather.rows > 1000


@pytest.mark.slow
def test_later_data_changes_nothing_in_it(
    mine: Finished, context: ReportContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2014-02-01T00:00:00+00:00")
    mine.box.edit("flights", lambda lines: lines[:-100])
    with mine.box.lake() as con:
        build(con, mine.box.pipeline, mine.box.pipeline.node("raw.flights"))
        build(con, mine.box.pipeline, mine.box.pipeline.node("cleaned.arrivals"))
    again = gathered(mine)
    assert again.accounting == context.accounting
    assert again.tables == context.tables
    assert again.model == context.model
    assert again.provenance.built_at == clock.now()
