"""The impact of a slice on the sampled flights, held against the plan and against brute force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError, DeclarationError
from ml_assets.lineage.impact import impact
from ml_assets.lineage.reach import Reach
from ml_assets.lineage.registered import training_rows
from ml_assets.lineage.told_impact import impact_lines
from ml_assets.ml.split import cut
from ml_assets.registry.record import read_record
from ml_assets.tables.plan import Stored, plan
from ml_assets.tables.training import read
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.contenders import register_like
from ml_assets_tests.sandbox import build, build_all, refresh

if TYPE_CHECKING:
    from ml_assets.lineage.found import Impact
    from ml_assets.lineage.names import SliceName
    from ml_assets_tests.finished import Finished

FIRST, SECOND, SCORED = "2013-01", "2013-02", "2013-03"
"""Version 1 was trained on two months and tested on the third, which it scored."""
MONTHS = (FIRST, SECOND, SCORED)


def of(found: Finished, table: str, partition: str | None = None) -> Impact:
    return impact(found.box.pipeline, found.settings, table, partition)


def slices(found: Impact) -> set[SliceName]:
    return {
        (one.table, one.partition) for one in found.slices if not one.table.startswith("monitoring")
    }


def outdated(found: Impact) -> list[str]:
    """Return the slices of tables and scores that are outdated."""
    old = [one.table for one in found.slices if one.outdated]
    return [*old, *("scores" for one in found.scores if one.outdated)]


def current(found: Finished) -> list[ledger.Slice]:
    with found.box.lake() as con:
        return ledger.current(con, "flights")


def contents(found: Finished) -> dict[SliceName, str]:
    """Return the content of every slice of tables and scores."""
    return {
        (one.table, one.partition): one.data_version
        for one in current(found)
        if not one.table.startswith("monitoring")
    }


def delay_flights(lines: list[str]) -> list[str]:
    """Let flights of February arrive half an hour later."""
    head = lines[0].split(",")
    month, delay = head.index("month"), head.index("arr_delay")
    changed = []
    for number, line in enumerate(lines):
        cells = line.split(",")
        if number and cells[month] == "2" and cells[delay] not in {"", "NA"}:
            cells[delay] = str(int(cells[delay]) + 30)
        changed.append(",".join(cells))
    return changed


def test_it_names_exactly_what_the_plan_would_build_again(built: Finished) -> None:
    """For every slice of every table: the plan after that slice's content changed."""
    pipeline, now = built.box.pipeline, current(built)
    with built.box.lake() as con:
        history = ledger.history(con, "flights")
    own = {node.dotted for node in pipeline.ordered}
    several = 0
    for changed in [one for one in now if one.table in own]:
        stored = Stored(
            [replace(one, data_version="other") if one == changed else one for one in now]
        )
        start = (changed.table, changed.partition)
        planned = {(step.node.dotted, step.partition) for step in plan(pipeline, stored, {})}
        reach = Reach(history, start, {})
        reach.advance()
        assert {name for name in reach.reached if name[0] in own} - {start} == planned
        several += len(planned) > 1
    assert several > 10
    planes = {("cleaned.planes", None), *(("features.aircraft", key) for key in MONTHS)}
    assert slices(of(built, "raw.planes")) == planes


@pytest.mark.slow
def test_whatever_a_changed_month_changes_is_named(mine: Finished) -> None:
    found = of(mine, "raw.flights", SECOND)
    named = slices(found) | {("predictions.scores", one.partition) for one in found.scores}
    before = contents(mine)
    mine.box.edit("flights", delay_flights)
    with mine.box.lake() as con:
        build_all(con, mine.box.pipeline)
    assert not mine.run("predictions/scores", keys=[SCORED])
    now = contents(mine)
    assert now.keys() == before.keys()
    changed = {name for name in now if now[name] != before[name]}
    assert {("raw.flights", SECOND), ("features.history", SCORED)} < changed
    assert ("predictions.scores", SCORED) in changed
    assert changed - {("raw.flights", SECOND)} <= named


@pytest.mark.slow
def test_a_version_is_listed_with_the_rows_it_was_trained_on(built: Finished) -> None:
    (version,) = built.versions()
    record = read_record(built.settings.tracking_uri, version.run_id)
    with connect("flights", built.settings, snapshot=record.snapshot_id) as con:
        table = read(con, built.box.pipeline, record.labels_known_by, record.features)
    trained = cut(table, record.windows["train"], record.windows["test"]).before
    by_month = dict.fromkeys((FIRST, SECOND), 0)
    for key in trained["_partition"].to_pylist():
        by_month[key] += 1
    # January's planes and delays are in February's features; February's in its own and in March's.
    for month, rows in ((FIRST, sum(by_month.values())), (SECOND, by_month[SECOND])):
        (found,) = of(built, "raw.flights", month).versions
        assert (found.version, found.aliases, found.rows) == (1, ("champion",), rows)
        assert found.training_rows == record.training_rows == trained.num_rows
        assert not found.differs
        assert [span.until for span in found.live] == [None]
    (found,) = of(built, "raw.flights", SCORED).versions
    assert (found.trained, found.rows) == ((), 0)
    assert {one.partition for one in found.tested} == {SCORED}
    # Labels that were not known when the test window opened were left out, here nearly half.
    windows = {"train": [FIRST, SECOND], "tune": [], "test": [SECOND]}
    known = cut(table, windows["train"], windows["test"]).before.num_rows
    claimed = replace(record, windows=windows)
    counted = training_rows(built.box.pipeline, built.settings, claimed, windows["train"])
    assert counted == known < trained.num_rows
    (found,) = of(built, "raw.planes").versions
    assert {one.table for one in found.trained} == {"features.aircraft"}


@pytest.mark.slow
def test_scores_are_affected_by_features_by_the_model_or_by_both(built: Finished) -> None:
    cases = {FIRST: (True, True), SECOND: (True, True), SCORED: (True, False)}
    for month, (features, model) in cases.items():
        (found,) = of(built, "raw.flights", month).scores
        assert (found.partition, found.features, found.model) == (SCORED, features, model)
        with built.box.lake() as con:
            row = con.execute("SELECT count(*) FROM flights.predictions.scores").fetchone()
        assert row == (found.rows,)
    # No row of March reads weather of January.
    (found,) = of(built, "raw.weather", FIRST).scores
    assert (found.features, found.model) == (False, True)


def test_verdicts_and_the_decision_on_them_are_listed(built: Finished) -> None:
    found = of(built, "raw.flights", SCORED)
    assert {(one.monitor, one.period) for one in found.verdicts} == {
        (monitor, SCORED) for monitor in ("data_quality", "drift", "performance")
    }
    (decision,) = found.decisions
    assert (decision.who, decision.partitions, decision.version) == ("policy", (SCORED,), 1)
    assert decision.reason
    # January's quality was judged by the champion's reference too, and only the newest counts.
    (decision,) = of(built, "raw.flights", FIRST).decisions
    assert decision.partitions == (SCORED,)
    assert not outdated(found)
    assert not any(one.outdated for one in found.verdicts)


@pytest.mark.slow
def test_history_stays_listed_beside_what_was_built_since(mine: Finished) -> None:
    pipeline, before = mine.box.pipeline, contents(mine)
    mine.box.edit("flights", delay_flights)
    with mine.box.lake() as con:
        build(con, pipeline, pipeline.node("raw.flights"))
    found = of(mine, "raw.flights", SECOND)
    assert len(found.contents) == 2
    assert len(outdated(found)) == len(found.slices) + len(found.scores)
    # What only the champion's training connects with it came from nothing else.
    assert {one.period for one in found.verdicts if not one.outdated} == {FIRST}
    text = "\n".join(impact_lines(found))
    assert "the same content as today, which is outdated" in text
    assert "What to do: `ml-assets run flights` builds again what still comes from" in text
    # The other months were loaded again as well, and hold what they held.
    assert not any(one.outdated for one in of(mine, "raw.flights", FIRST).slices)

    with mine.box.lake() as con:
        refresh(con, pipeline)
    assert not mine.run("predictions/scores", refresh=True)
    found, now = of(mine, "raw.flights", SECOND), contents(mine)
    assert not any(one.outdated for one in found.slices if one.table != "monitoring.days")
    (scores,) = found.scores
    assert (scores.model, scores.features, scores.outdated) == (True, True, False)
    (version,) = found.versions
    assert version.differs
    for one in version.trained:
        name = (one.table, one.partition)
        assert (one.then, one.now) == (before[name], now[name])
    same = {one.table for one in version.trained if not one.differs}
    assert "features.schedule" in same
    assert "cleaned.arrivals" not in same
    lines = list(impact_lines(found))
    assert any("other content than today: cleaned.arrivals, features." in one for one in lines)
    assert any(line.startswith("  before: ") for line in lines)


def test_a_slice_is_not_below_itself(built: Finished) -> None:
    found = of(built, "predictions.scores", SCORED)
    assert (found.scores, found.versions) == ((), ())
    assert [one.table for one in found.slices] == ["monitoring.days"]
    assert {one.monitor for one in found.verdicts} == {"drift", "performance"}
    assert not of(built, "monitoring.drift", SCORED).verdicts


@pytest.mark.slow
def test_a_look_of_the_gate_rests_on_the_rows_it_compared(mine: Finished) -> None:
    register_like(mine)
    assert not mine.run("promotion")
    found = of(mine, "raw.flights", SCORED)
    (look,) = (one for one in found.decisions if one.who == "gate")
    assert (look.action, look.version, look.partitions) == ("refused", 2, (SCORED,))
    assert "not shown to be better" in look.reason
    assert not [one for one in of(mine, "raw.weather", FIRST).decisions if one.who == "gate"]


@pytest.mark.slow
def test_a_version_whose_snapshot_has_expired_is_listed_without_rows(mine: Finished) -> None:
    second = register_like(mine)
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.ops.protected")
        newest = con.execute("SELECT max(snapshot_id) FROM flights.snapshots()").fetchone()
        expired = list(range((newest or (0,))[0]))
        con.execute(f"CALL ducklake_expire_snapshots('flights', versions => {expired})")
    found = {one.version: one for one in of(mine, "raw.flights", SECOND).versions}
    assert found.keys() == {1, second.version}
    assert [one.rows for one in found.values()] == [None, None]
    assert all(one.trained and not one.differs for one in found.values())
    assert "unknown of" in "\n".join(impact_lines(of(mine, "raw.flights", SECOND)))


def test_a_version_whose_run_lost_its_record_is_named(mine: Finished) -> None:
    (version,) = mine.versions()
    (path,) = mine.settings.data.glob(f"**/{version.run_id}/**/training_record.json")
    path.unlink()
    found = of(mine, "raw.flights", SECOND)
    assert (found.versions, found.unread) == ((), (1,))
    assert "Of version 1 no training record is there" in "\n".join(impact_lines(found))


def test_what_nothing_reads_has_no_impact(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.ops.slices WHERE table_name <> 'raw.planes'")
        con.execute("DELETE FROM flights.ops.decisions")
    found = of(mine, "raw.planes")
    assert found.nothing
    assert list(impact_lines(found))[-1] == "What to do: Nothing was built from it."


@pytest.mark.parametrize(
    ("table", "partition", "fault", "texts"),
    [
        ("raw.flight", FIRST, DeclarationError, ("no table 'raw.flight'", "raw.flights")),
        ("raw.flights", "2013-04", DataError, ("no slice 2013-04", ", ".join(MONTHS))),
        ("raw.flights", None, DataError, ("stored by partition", FIRST)),
        ("raw.planes", FIRST, DataError, ("stored whole", "Leave the partition out")),
    ],
)
def test_an_unknown_slice_is_told_with_those_there_are(
    built: Finished, table: str, partition: str | None, fault: type[Exception], texts: tuple[str]
) -> None:
    with pytest.raises(fault) as caught:
        of(built, table, partition)
    for text in texts:
        assert text in str(caught.value)


def test_a_table_that_was_never_built_is_told(mine: Finished) -> None:
    with mine.box.lake() as con:
        con.execute("DELETE FROM flights.ops.slices WHERE table_name = 'features.weather'")
    with pytest.raises(DataError, match=r"flights\.features\.weather was never built"):
        of(mine, "features.weather", FIRST)
