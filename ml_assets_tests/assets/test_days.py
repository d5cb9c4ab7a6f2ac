"""The statistics per day: of what the model was not trained on, with labels known by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets import clock
from ml_assets.monitors.days import SCORE
from ml_assets.registry.references import read_reference
from ml_assets.tables.days import read_days

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished

LOOP = ("monitoring/reference", "predictions/scores", "monitoring/days")
SCORED = "flights.predictions.scores"


def test_the_days_add_up_to_the_scores_and_their_labels(monitored: Finished) -> None:
    with monitored.box.lake() as con:
        days = read_days(con, monitored.box.pipeline, 1)
        rows, score = con.execute(f"SELECT count(*), sum(score) FROM {SCORED}").fetchall()[0]
        labelled, late, expected = con.execute(
            f"SELECT count(*), sum((arrival_delay >= 15)::INT), sum(score) FROM {SCORED}"
            " JOIN flights.cleaned.arrivals USING (flight_date, carrier, flight_number, origin)"
        ).fetchall()[0]
    assert days.rows.sum() == rows
    assert np.isclose(days.score.sum(), score, rtol=1e-12)
    assert (days.labelled.sum(), days.labelled_label.sum()) == (labelled, late)
    assert np.isclose(days.labelled_score.sum(), expected, rtol=1e-12)
    assert 0 < labelled < rows
    for counts in days.histograms.values():
        assert np.array_equal(counts.sum(axis=1), days.rows)


def test_the_reference_is_of_the_training_window_and_out_of_fold(monitored: Finished) -> None:
    from ml_assets.registry.record import read_record

    (version,) = monitored.versions()
    reference = read_reference(monitored.settings.tracking_uri, version)
    record = read_record(monitored.settings.tracking_uri, version.run_id)
    assert reference is not None
    assert reference.days.rows.sum() == record.training_rows
    assert set(reference.bins) == {*record.features, SCORE}
    assert np.isclose(sum(reference.importance.values()), 1)
    months = {str(day)[:7] for day in reference.days.dates}
    assert months == set(record.windows["train"])
    # Out of fold the model does worse than on what it has seen, and its mean is about right.
    ratio = reference.days.labelled_label.sum() / reference.days.labelled_score.sum()
    assert 0.8 < ratio < 1.25


@pytest.mark.slow
def test_no_label_counts_before_it_is_known(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mine.box.lake() as con:
        first, last = con.execute(
            "SELECT min(known_at), max(known_at) FROM flights.cleaned.arrivals"
            " WHERE _partition = (SELECT max(_partition) FROM flights.cleaned.arrivals)"
        ).fetchall()[0]
    half = first + (last - first) / 2
    assert not mine.run(*LOOP[:2], refresh=True)
    seen = []
    for moment in (first - timedelta(seconds=1), half, datetime.now(UTC)):
        monkeypatch.setenv(clock.NOW, moment.isoformat())
        assert not mine.run(LOOP[0], LOOP[2], refresh=True)
        with mine.box.lake() as con:
            days = read_days(con, mine.box.pipeline, 1)
            (known,) = con.execute(
                f"SELECT count(*) FROM {SCORED} JOIN flights.cleaned.arrivals"
                " USING (flight_date, carrier, flight_number, origin) WHERE known_at <= ?",
                [moment],
            ).fetchall()[0]
        assert days.labelled.sum() == known
        seen.append(known)
    assert seen[0] == 0 < seen[1] < seen[2]


@pytest.mark.slow
def test_a_label_is_awaited_only_as_long_as_labels_take(
    mine: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not mine.run(*LOOP[:2], refresh=True)
    awaited = []
    for moment in (
        "2013-03-20T12:00:00-04:00",
        "2013-03-25T12:00:00-04:00",
        "2013-05-01T00:00:00Z",
    ):
        monkeypatch.setenv(clock.NOW, moment)
        assert not mine.run(LOOP[0], LOOP[2], keys=["2013-03"], refresh=True)
        with mine.box.lake() as con:
            days = read_days(con, mine.box.pipeline, 1)
        open_ = days.awaited > 0
        # Yesterday's last flights may still arrive, cancelled ones of last week will not.
        over = days.dates < np.datetime64(moment[:10]) - np.timedelta64(2, "D")
        assert not open_[over].any()
        assert (days.rows - days.labelled)[over].sum() > 0
        assert (days.awaited <= days.rows - days.labelled).all()
        awaited.append(days.awaited.sum())
    assert awaited[0] > awaited[1] > awaited[2] == 0


def test_nothing_is_counted_again_when_nothing_is_new(monitored: Finished) -> None:
    assert not monitored.run(LOOP[2], refresh=True)
    assert monitored.latest(LOOP[2])["slices"] == 0


def test_the_reference_is_made_once(monitored: Finished) -> None:
    (version,) = monitored.versions()
    before = read_reference(monitored.settings.tracking_uri, version)
    assert not monitored.run(LOOP[0])
    after = read_reference(monitored.settings.tracking_uri, version)
    assert before is not None
    assert after is not None
    assert before.to_json() == after.to_json()


@pytest.mark.slow
def test_what_the_champion_was_trained_on_is_not_counted(monitored: Finished) -> None:
    assert not monitored.run(LOOP[1], keys=["2013-01"])
    assert not monitored.run(LOOP[2], keys=["2013-01"])
    with monitored.box.lake() as con:
        days = read_days(con, monitored.box.pipeline, 1)
    assert not any(str(day).startswith("2013-01") for day in days.dates)
