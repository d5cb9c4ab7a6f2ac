"""Broken data: scoring waits for it, and the check speaks of the newest slice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets import clock
from ml_assets.assets.watch_panels import panels
from ml_assets.monitors.sparklines import BLOCKS
from ml_assets.registry.references import read_reference
from ml_assets.tables.findings import read_findings
from ml_assets.tables.plan import Stored
from ml_assets.tables.quality import due_quality
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.running import checks, failed, metadata, ran, run
from ml_assets_tests.conftest import _copy

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.tables.findings import Found
    from ml_assets.warehouse.settings import Settings
    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox

REFERENCE = "monitoring/reference"
QUALITY = "monitoring/data_quality"
SCORES = "predictions/scores"
WEATHER = ("raw/weather", "cleaned/weather", "features/weather")
MONTHS = ["2013-01", "2013-02", "2013-03"]
MONTH, TEMPERATURE = 2, 5
"""Columns of weather.csv."""


def lose_temperature(box: Sandbox) -> None:
    """Leave two of five temperatures of March out of the source."""

    def change(lines: list[str]) -> list[str]:
        rows = [line.split(",") for line in lines]
        for number, row in enumerate(rows):
            if row[MONTH] == "3" and number % 5 < 2:
                row[TEMPERATURE] = "NA"
        return [",".join(row) for row in rows]

    box.edit("weather", change)


def evaluate(
    mine: Finished, *assets: str, keys: list[str] | None = None, refresh: bool = True
) -> dg.ExecuteInProcessResult:
    with mine.instance() as instance:
        return run(mine.box, *assets, keys=keys, instance=instance, refresh=refresh)


def said(mine: Finished) -> dict[tuple[str, str], Found]:
    with mine.box.lake() as con:
        found = read_findings(con, mine.box.pipeline, "data_quality")
    return {(item.cause, item.period): item for item in found}


def sequences(mine: Finished, table: str) -> dict[str | None, int]:
    with mine.box.lake() as con:
        slices = ledger.current(con, "flights")
    return {item.partition: item.sequence for item in slices if item.table == table}


@pytest.fixture(scope="module")
def broken_as_built(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finished, dg.ExecuteInProcessResult]:
    """The finished flights after a refresh with a column that went missing; to read only."""
    with pytest.MonkeyPatch.context() as patch:
        twin = _copy(finished, tmp_path_factory.mktemp("broken"), patch)
        lose_temperature(twin.box)
        return twin, evaluate(twin, *WEATHER, REFERENCE, QUALITY, SCORES)


@pytest.fixture
def broken(
    broken_as_built: tuple[Finished, dg.ExecuteInProcessResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Finished:
    """A copy of the flights with a missing column; the environment points to it."""
    return _copy(broken_as_built[0], tmp_path, monkeypatch)


def test_a_missing_column_stops_scoring(
    broken_as_built: tuple[Finished, dg.ExecuteInProcessResult],
) -> None:
    mine, result = broken_as_built
    assert set(failed(result)) == {QUALITY}
    assert {REFERENCE, QUALITY} <= ran(result)
    assert SCORES not in ran(result)
    assert sequences(mine, "predictions.scores") == {}
    answers = checks(result, QUALITY)
    assert {name: answer.passed for name, answer in answers.items()} == {
        "data_quality": False,
        "freshness": True,
    }
    answer = answers["data_quality"]
    assert (answer.blocking, answer.severity) == (True, dg.AssetCheckSeverity.ERROR)
    assert answer.description is not None
    assert answer.description.startswith("2013-03: temperature is NULL in ")
    assert "Correct the source and refresh" in answer.description


def test_what_was_found_is_stored_with_its_numbers(
    broken_as_built: tuple[Finished, dg.ExecuteInProcessResult],
) -> None:
    mine, result = broken_as_built
    with mine.box.lake() as con:
        rows, share = con.execute(
            "SELECT count(*), avg((temperature IS NULL)::INT) FROM flights.features.weather"
            " WHERE _partition = '2013-03'"
        ).fetchall()[0]
    found = said(mine)
    assert {key: item.verdict for key, item in found.items()} == {
        ("data_quality", "2013-01"): "ok",
        ("data_quality", "2013-02"): "ok",
        ("data_quality", "2013-03"): "broken",
    }
    newest = found["data_quality", "2013-03"]
    assert share > 0.3
    assert newest.statistic == pytest.approx(share)
    assert newest.threshold is not None
    assert 0.1 <= newest.threshold < share
    assert newest.model_version == 1
    assert newest.reason.startswith(f"temperature is NULL in {share:.1%} of rows")
    assert newest.details["rows"] == rows
    assert len(newest.details["features"]) == 5
    assert newest.details["features"][0]["feature"] == "temperature"
    told = metadata(result, QUALITY)
    assert told["data_quality verdict"] == "broken"
    assert told["statistic"] == newest.statistic
    assert "| temperature | " in str(told["nearest to their limits"])


def test_a_month_beyond_its_limit_stands_out_in_both_plots(
    broken_as_built: tuple[Finished, dg.ExecuteInProcessResult],
) -> None:
    mine, result = broken_as_built
    told = str(metadata(result, QUALITY)["missing values"])
    assert "from 2013-01 to 2013-03" in told
    [heights] = re.findall(r"`(.+)`", told)
    assert (len(heights), heights[-1]) == (len(MONTHS), BLOCKS[-1])
    assert BLOCKS[-1] not in heights[:-1]
    assert told.endswith("Beyond it: 2013-03.")
    panel = panels([*said(mine).values()])[-1]
    assert [(mark.at, mark.alarm) for mark in panel.own] == [
        ("2013-01", False),
        ("2013-02", False),
        ("2013-03", True),
    ]
    assert panel.own[-1].text.startswith("temperature 0.")


def test_a_backfill_of_an_old_month_does_not_turn_the_check_green(broken: Finished) -> None:
    result = evaluate(broken, QUALITY, SCORES, keys=["2013-01"], refresh=False)
    assert set(failed(result)) == {QUALITY}
    answer = checks(result, QUALITY)["data_quality"]
    assert not answer.passed
    assert answer.metadata["period"].value == "2013-03"
    assert sequences(broken, "predictions.scores") == {}


@pytest.mark.slow
def test_a_broken_slice_is_left_out_by_a_run_that_does_not_judge(broken: Finished) -> None:
    assert not broken.run(SCORES, refresh=True)
    assert not broken.run(SCORES, keys=["2013-03"])
    assert broken.latest(SCORES)["rows_scored"] == 0
    assert sequences(broken, "predictions.scores") == {}
    # Only it waits.
    assert not broken.run(SCORES)
    assert set(sequences(broken, "predictions.scores")) == {"2013-01", "2013-02"}


@pytest.mark.slow
def test_mended_data_is_scored(broken: Finished, finished: Finished) -> None:
    whole = finished.box.source("weather").read_text(encoding="utf-8").splitlines()
    broken.box.edit("weather", lambda _: whole)
    result = evaluate(broken, *WEATHER, QUALITY, SCORES)
    assert not failed(result)
    assert all(answer.passed for answer in checks(result, QUALITY).values())
    assert said(broken)["data_quality", "2013-03"].verdict == "ok"
    assert set(sequences(broken, "predictions.scores")) == {"2013-03"}


@pytest.mark.slow
def test_who_accepts_it_raises_the_allowance(broken: Finished) -> None:
    broken.box.declare(lambda declared: declared.update(monitoring={"missing": 0.9}))
    result = evaluate(broken, QUALITY, SCORES)
    assert not failed(result)
    assert said(broken)["data_quality", "2013-03"].threshold == pytest.approx(0.9, abs=0.1)
    assert set(sequences(broken, "predictions.scores")) == {"2013-03"}


def test_honest_data_passes(monitored_as_built: Finished) -> None:
    found = said(monitored_as_built)
    assert set(found) == {("data_quality", key) for key in MONTHS}
    for item in found.values():
        assert item.verdict == "ok"
        assert item.statistic is not None
        assert item.threshold is not None
        assert item.statistic < item.threshold
    assert set(sequences(monitored_as_built, "predictions.scores")) == {"2013-03"}


@pytest.mark.slow
def test_a_refresh_judges_only_what_changed(monitored: Finished) -> None:
    before = sequences(monitored, "monitoring.data_quality")
    assert set(before) == {*MONTHS}
    assert not monitored.run(QUALITY, refresh=True)
    assert sequences(monitored, "monitoring.data_quality") == before
    # Asked for by name it is judged again, and alone.
    assert not monitored.run(QUALITY, keys=["2013-02"])
    after = sequences(monitored, "monitoring.data_quality")
    assert {key for key in after if after[key] != before[key]} == {"2013-02"}


def test_another_champion_judges_everything_anew(monitored_as_built: Finished) -> None:
    pipeline = monitored_as_built.box.pipeline
    with monitored_as_built.box.lake() as con:
        stored = Stored(ledger.current(con, "flights"))
    assert due_quality(pipeline, stored, 1, MONTHS) == []
    assert due_quality(pipeline, stored, 2, MONTHS) == MONTHS
    assert due_quality(pipeline, stored, 2, [None, "2012-12"]) == []


@pytest.mark.slow
def test_a_history_that_goes_on_and_is_late_stops_scoring(
    monitored: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitored.box.declare(lambda declared: declared["partitions"].pop("end"))
    # April has its two days of grace.
    monkeypatch.setenv(clock.NOW, "2013-05-02T23:59:59-04:00")
    result = evaluate(monitored, QUALITY, SCORES, keys=MONTHS)
    assert not failed(result)
    assert checks(result, QUALITY)["freshness"].passed
    assert said(monitored)["freshness", "2013-03"].verdict == "ok"
    monkeypatch.setenv(clock.NOW, "2013-05-03T00:00:00-04:00")
    result = evaluate(monitored, QUALITY, SCORES, keys=MONTHS)
    assert set(failed(result)) == {QUALITY}
    assert SCORES not in ran(result)
    answers = checks(result, QUALITY)
    assert answers["data_quality"].passed
    answer = answers["freshness"]
    assert (answer.passed, answer.blocking) == (False, True)
    assert answer.severity == dg.AssetCheckSeverity.ERROR
    assert answer.description is not None
    assert answer.description.startswith(
        "2013-04: features.schedule lacks 2013-04, which was due by 2013-05-03;"
        " the newest it has is 2013-03"
    )
    assert said(monitored)["freshness", "2013-04"].verdict == "broken"


@pytest.mark.slow
def test_lateness_is_told_once_and_ends_with_the_history(
    monitored: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clock.NOW, "2013-06-10T00:00:00+00:00")
    monitored.box.declare(lambda declared: declared["partitions"].pop("end"))
    assert set(monitored.run(QUALITY, keys=MONTHS, refresh=True)) == {QUALITY}
    before = sequences(monitored, "monitoring.data_quality")
    assert set(before) == {*MONTHS, "2013-05"}
    assert set(monitored.run(QUALITY, keys=MONTHS, refresh=True)) == {QUALITY}
    assert sequences(monitored, "monitoring.data_quality") == before
    monitored.box.declare(lambda declared: declared["partitions"].update(end="2013-03"))
    result = evaluate(monitored, QUALITY)
    assert not failed(result)
    assert checks(result, QUALITY)["freshness"].description == "no slice is due"


@pytest.mark.slow
def test_a_champion_without_a_reference_gets_one_to_be_judged_by(mine: Finished) -> None:
    uri, (version,) = mine.settings.tracking_uri, mine.versions()
    assert read_reference(uri, version) is None
    result = evaluate(mine, QUALITY)
    assert not failed(result)
    assert metadata(result, QUALITY)["model_version"] == 1
    assert said(mine)["data_quality", MONTHS[-1]].verdict == "ok"
    assert read_reference(uri, version) is not None


def test_without_a_champion_nothing_is_judged(mine: Finished) -> None:
    mine.client().delete_registered_model_alias("flights", "champion")
    result = evaluate(mine, QUALITY)
    assert not failed(result)
    answers = checks(result, QUALITY)
    assert {(answer.passed, answer.description) for answer in answers.values()} == {
        (True, "no champion yet")
    }
    assert set(answers) == {"data_quality", "freshness"}
    assert metadata(result, QUALITY)["status"] == "no champion yet"
    assert said(mine) == {}
    assert sequences(mine, "monitoring.data_quality") == {}
