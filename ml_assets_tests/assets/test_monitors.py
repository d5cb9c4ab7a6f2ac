"""The monitors as assets: a finding per window and cause, and checks of the newest window."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pytest

from ml_assets import clock
from ml_assets.assets.looks import DRIFT, PERFORMANCE
from ml_assets.assets.monitors import check_result, monitor_asset
from ml_assets.monitors.drift import MIN_CLUSTERS
from ml_assets.monitors.reference import Reference
from ml_assets.tables.findings import Found, newest_windows, read_findings
from ml_assets.tables.looks import drift_found, performance_found
from ml_assets.tables.views import View
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.running import checks, dagsters_own_warnings, failed, metadata, run
from ml_assets_tests.monitors.world import world

if TYPE_CHECKING:
    from ml_assets.monitors.days import Days
    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox

MONITORS = {"drift": DRIFT, "performance": PERFORMANCE}
LOOKS = tuple(f"monitoring/{name}" for name in MONITORS)
SCORED = "2013-03"
"""The one month that the champion was not trained on."""


def evaluate(
    mine: Finished, *assets: str, keys: list[str] | None = None, refresh: bool = True
) -> dg.ExecuteInProcessResult:
    with mine.instance() as instance:
        result = run(mine.box, *assets, keys=keys, instance=instance, refresh=refresh)
    assert not failed(result)
    return result


def said(mine: Finished, monitor: str) -> dict[tuple[str, str], Found]:
    with mine.box.lake() as con:
        found = read_findings(con, mine.box.pipeline, monitor)
    return {(item.cause, item.period): item for item in found}


def sequences(mine: Finished) -> dict[tuple[str, str | None], int]:
    with mine.box.lake() as con:
        slices = ledger.current(con, "flights")
    return {
        (item.table, item.partition): item.sequence
        for item in slices
        if item.table in {"monitoring.drift", "monitoring.performance"}
    }


@pytest.mark.parametrize("name", MONITORS)
def test_every_cause_is_found_in_every_scored_month(
    name: str, monitored_as_built: Finished
) -> None:
    found = said(monitored_as_built, name)
    assert set(found) == {(cause, SCORED) for cause in MONITORS[name].causes}
    for item in found.values():
        assert item.verdict in {"ok", "alarm", "not enough data"}
        assert item.event_time == monitored_as_built.box.pipeline.partitions.window(SCORED).end
        assert item.model_version == 1
        assert item.reason


def test_what_is_found_has_its_numbers(monitored_as_built: Finished) -> None:
    drift, performance = (said(monitored_as_built, name) for name in MONITORS)
    movers = drift["drift", SCORED].details["movers"]
    assert len(movers) == 8
    assert all({"feature", "psi", "limit", "importance"} <= set(mover) for mover in movers)
    assert all(
        re.search(r"; \d+ of \d+ windows of the reference would have fired$", one.reason)
        for one in drift.values()
    )
    scores = drift["prediction_drift", SCORED]
    assert scores.statistic is not None
    assert scores.threshold is not None
    assert (scores.verdict == "alarm") == (scores.statistic > scores.threshold)
    loss = performance["performance", SCORED]
    with monitored_as_built.box.lake() as con:
        rows, labelled = con.execute(
            "SELECT sum(rows), sum(labelled) FROM flights.monitoring.days"
        ).fetchall()[0]
    assert loss.details["rows"] == rows
    assert loss.details["coverage"] == pytest.approx(labelled / rows)
    assert len(performance["calibration", SCORED].details["under_predicts"]) == 31


@pytest.mark.slow
def test_a_refresh_looks_at_nothing_again(monitored: Finished) -> None:
    before = sequences(monitored)
    assert len(before) == 2
    evaluate(monitored, *LOOKS)
    assert sequences(monitored) == before
    findings = {name: said(monitored, name) for name in MONITORS}
    evaluate(monitored, *LOOKS, keys=[SCORED], refresh=False)
    after = sequences(monitored)
    assert all(after[key] > before[key] for key in before)
    # The same statistics give the same findings.
    assert {name: said(monitored, name) for name in MONITORS} == findings


def test_checks_warn_of_the_newest_window_and_tell_its_numbers(monitored: Finished) -> None:
    result = evaluate(monitored, *LOOKS)
    for name, monitor in MONITORS.items():
        answers = checks(result, f"monitoring/{name}")
        told = metadata(result, f"monitoring/{name}")
        assert set(answers) == set(monitor.causes)
        for (cause, _), found in said(monitored, name).items():
            answer = answers[cause]
            assert answer.passed == (found.verdict == "ok")
            assert (answer.severity, answer.blocking) == (dg.AssetCheckSeverity.WARN, False)
            assert answer.description == f"{SCORED}: {found.reason}"
            assert answer.metadata["verdict"].value == found.verdict
            assert told[f"{cause} verdict"] == found.verdict
            assert told.get(f"{cause} statistic") == found.statistic
            assert told.get(f"{cause} threshold") == found.threshold
    assert {answer.passed for answer in checks(result, LOOKS[1]).values()} == {True, False}
    movers = said(monitored, "drift")["drift", SCORED].details["movers"]
    table = str(metadata(result, LOOKS[0])["top movers"])
    assert all(f"| {mover['feature']} | " in table for mover in movers)
    assert "under-predicts `" in str(metadata(result, LOOKS[1])["cusum"])


@pytest.mark.slow
def test_a_month_with_few_known_labels_is_not_judged_and_does_not_pass(
    monitored: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2013-03-10T00:00:00+00:00")
    result = evaluate(monitored, "monitoring/days", *LOOKS, keys=[SCORED])
    found = said(monitored, "performance")["performance", SCORED]
    assert found.verdict == "not enough data"
    assert 0 < found.details["coverage"] < 0.4
    answers = checks(result, LOOKS[1])
    assert not answers["performance"].passed
    assert not answers["observed_expected"].passed
    # Features and scores need no label.
    assert said(monitored, "drift")["drift", SCORED].verdict in {"ok", "alarm"}


@pytest.mark.slow
def test_what_the_champion_was_trained_on_is_no_evidence(monitored: Finished) -> None:
    findings = {name: said(monitored, name) for name in MONITORS}
    result = evaluate(
        monitored,
        "predictions/scores",
        "monitoring/days",
        *LOOKS,
        keys=["2013-01"],
        refresh=False,
    )
    assert {name: said(monitored, name) for name in MONITORS} == findings
    # A backfill of an old month leaves the checks at the newest.
    for name in MONITORS:
        for answer in checks(result, f"monitoring/{name}").values():
            assert answer.metadata["period"].value == SCORED


def found(period: int, verdict: str, cause: str = "drift", **details: bool) -> Found:
    moment = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=period)
    return Found(
        cause=cause,
        verdict=verdict,
        period=str(period),
        event_time=moment,
        reason="so it is",
        details=details,
    )


def test_a_window_that_was_not_judged_does_not_hide_one_that_was() -> None:
    alarm, ok, open_ = found(2, "alarm"), found(1, "ok"), found(3, "not enough data")
    assert newest_windows([open_, alarm, ok]) == {"drift": alarm}
    assert newest_windows([open_, found(1, "not enough data")]) == {"drift": open_}
    broken = found(4, "broken")
    assert newest_windows([broken, alarm, open_]) == {"drift": broken}
    other = found(0, "ok", "estimate")
    assert newest_windows([alarm, other]) == {"drift": alarm, "estimate": other}
    assert newest_windows([]) == {}


def test_what_fires_too_often_in_the_reference_warns_of_no_window(
    monitored_as_built: Finished,
) -> None:
    silenced = found(3, "not enough data", silenced=True)
    assert newest_windows([found(2, "alarm"), silenced]) == {"drift": silenced}
    pipeline = monitored_as_built.box.pipeline
    result = check_result(pipeline, "drift", "drift", silenced, dg.AssetCheckSeverity.WARN)
    assert result.passed
    assert result.description == "3: so it is"
    assert result.metadata["verdict"].value == "not enough data"


def test_every_monitor_of_windows_is_silenced_by_its_own_reference(shop: Sandbox) -> None:
    seen = often_alarmed(shop, world(28, seed=9, start="2014-01-06"))
    looked = (*drift_found(shop.pipeline, seen), *performance_found(shop.pipeline, seen))
    told = {one.cause: one for one in looked}
    for cause in ("drift", "prediction_drift", "observed_expected", "performance"):
        one = told[cause]
        assert (one.verdict, one.silenced) == ("not enough data", True), one.reason
        assert "of 8 windows of the reference would have fired, too many" in one.reason
    assert not told["calibration"].silenced


def test_a_window_that_is_too_small_is_not_marked_as_silenced(shop: Sandbox) -> None:
    days = world(28, seed=9, start="2014-01-06")
    some = np.arange(len(days)) < MIN_CLUSTERS - 1
    counts = {name: count * some[:, None] for name, count in days.histograms.items()}
    seen = often_alarmed(shop, replace(days, rows=days.rows * some, histograms=counts), season=2)
    for one in drift_found(shop.pipeline, seen):
        assert (one.verdict, one.silenced) == ("not enough data", False)
        assert "the window has 13 of 14 days" in one.reason


def often_alarmed(shop: Sandbox, days: Days, season: float = 0.0) -> View:
    """See a window by limits that the reference's own windows are beyond too often."""
    shop.declare(lambda declared: declared.update(monitoring={"false_alarms_per_year": 6.5}))
    usual = world(240, seed=5, season=season)
    return View(
        name="2014-02",
        version=1,
        ends=datetime(2014, 2, 3, tzinfo=UTC),
        last=date(2014, 2, 2),
        length=28,
        step=28,
        reference=Reference(usual, {}, dict.fromkeys((f"x{k}" for k in range(5)), 0.2)),
        days=days,
        since=days.dates[0],
    )


@pytest.mark.parametrize("verdict", ["ok", "alarm", "not enough data", "broken", None])
def test_only_what_was_judged_well_passes(
    verdict: str | None, monitored_as_built: Finished
) -> None:
    pipeline = monitored_as_built.box.pipeline
    item = None if verdict is None else found(1, verdict)
    result = check_result(pipeline, "drift", "drift", item, dg.AssetCheckSeverity.WARN)
    assert result.passed == (verdict == "ok")
    assert result.description == ("nothing was scored yet" if item is None else "1: so it is")


@pytest.mark.parametrize(("problem", "asked"), [("binary", True), ("regression", False)])
def test_regression_has_no_check_that_could_never_pass(
    problem: str, asked: bool, shop: Sandbox
) -> None:
    shop.declare(lambda declared: declared["model"].update(problem=problem))
    with dagsters_own_warnings():
        names = {key.name for key in monitor_asset(shop.pipeline, PERFORMANCE).check_keys}
    assert ("estimate" in names) == asked
    assert names | {"estimate"} == set(PERFORMANCE.causes)
