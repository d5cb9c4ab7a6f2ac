"""The loop's page on a pipeline that was scored, monitored and decided upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.assets.watch_page import watch
from ml_assets.assets.watch_panels import DAYS, WINDOWS, panels
from ml_assets.registry.versions import champion
from ml_assets.tables.findings import all_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.reports.watch import Watch
    from ml_assets.tables.findings import Found
    from ml_assets_tests.finished import Finished

DECISION = "retraining_decision"


@pytest.fixture
def decided(monitored: Finished) -> Finished:
    assert not monitored.run(DECISION)
    return monitored


def seen(mine: Finished) -> Watch:
    version = champion(mine.settings.tracking_uri, "flights")
    with mine.box.lake() as con:
        return watch(con, mine.box.pipeline, version)


def stored(mine: Finished) -> list[Found]:
    with mine.box.lake() as con:
        return all_findings(con, mine.box.pipeline)


def test_a_decision_leaves_the_page_and_says_where(decided: Finished) -> None:
    path = decided.settings.data / "reports" / "flights_loop.html"
    assert decided.latest(DECISION)["page"] == str(path)
    text = path.read_text(encoding="utf-8")
    assert "Version 1 is live" in text
    assert "Mar 2013" in text


def test_it_says_what_the_tables_say(decided: Finished) -> None:
    page = seen(decided)
    assert page.decision is not None
    assert page.decision.why == decided.latest(DECISION)["reason"]
    said = {one.cause.replace("_", " "): one.verdict for one in stored(decided)}
    assert {str(line.at): line.what for line in page.verdicts} == said
    assert [line.what for line in page.promotions] == ["version 1 went live"]
    drift = next(one for one in stored(decided) if one.cause == "drift")
    assert [mover.feature for mover in page.movers] == [
        mover["feature"] for mover in drift.details["movers"]
    ]


def test_panels_show_each_window_once_in_time_order(decided: Finished) -> None:
    found = stored(decided)
    loss, ratio, cusum, drift, _ = panels(found)
    (window,) = {one.period for one in found if one.cause == "drift"}
    assert [mark.at for mark in drift.own] == [window]
    assert [*loss.keys] == [*ratio.keys] == [window]
    assert len(cusum.own) == len({mark.at for mark in cusum.own})
    assert all(day.startswith(window) for day in cusum.keys)


def test_a_window_is_an_alarm_where_it_lies_beyond_the_lines(decided: Finished) -> None:
    loss, ratio, *_ = panels(stored(decided))
    (value,), ((_, limit),) = loss.own, *loss.limits
    assert (value.value > limit) == value.alarm
    (value,), ((_, low),), ((_, high),) = ratio.own, *ratio.limits
    assert low < 1 < high
    assert (not low <= value.value <= high) == value.alarm


def test_missing_values_are_shown_of_every_month_below_their_limits(decided: Finished) -> None:
    missing = panels(stored(decided))[-1]
    assert [*missing.keys] == ["2013-01", "2013-02", "2013-03"]
    (limits,) = missing.limits
    for mark, key, (at, limit) in zip(missing.own, missing.keys, limits, strict=True):
        assert mark.at == at == key
        assert (mark.value < limit, mark.alarm) == (True, False)
    page = decided.settings.data / "reports" / "flights_loop.html"
    assert "<figcaption>Missing values</figcaption><svg" in page.read_text(encoding="utf-8")


def test_days_and_windows_of_long_histories_are_the_newest(decided: Finished) -> None:
    found = [*_repeated(stored(decided), 100)]
    for panel in panels(found):
        assert len(panel.keys) <= (DAYS if "CUSUM" in panel.name else WINDOWS)
        for mark in (*panel.own, *panel.other):
            assert mark.at in panel.keys
        assert {day for line in panel.limits for day, _ in line} <= {*panel.keys}


def test_of_a_day_in_overlapping_windows_the_newest_tells(decided: Finished) -> None:
    found = [*_repeated(stored(decided), 3, days=7)]
    cusum = panels(found)[2]
    assert [*cusum.keys] == sorted({*cusum.keys}) == [mark.at for mark in cusum.own]
    weeks = [one for one in found if one.cause == "calibration"]
    starts = [one.details["first"] for one in weeks]
    newest = max(weeks, key=lambda one: one.event_time)
    first = next(mark for mark in cusum.own if mark.at == max(starts))
    sums = newest.details["under_predicts"][0], newest.details["over_predicts"][0]
    assert first.value == max(sums)


def _repeated(found: list[Found], times: int, days: int = 31) -> Iterator[Found]:
    from dataclasses import replace
    from datetime import date, timedelta

    for number in range(times):
        later = timedelta(days=days * number)
        for one in found:
            details = dict(one.details)
            if details.get("first"):
                details["first"] = str(date.fromisoformat(details["first"]) + later)
            yield replace(
                one,
                period=f"{(one.event_time + later):%Y-%m-%d}",
                event_time=one.event_time + later,
                details=details,
            )
