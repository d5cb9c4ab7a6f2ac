"""The numbers on the whole of the real data: as good as known to be possible, and no better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binomtest

from ml_assets.assets.train import read_at
from ml_assets.loop.gate import judge
from ml_assets.ml import metrics, split
from ml_assets.ml.training_table import labels
from ml_assets.registry.package import load_native
from ml_assets.registry.record import read_record
from ml_assets_tests.assets.running import prove
from ml_assets_tests.finished import Finished
from ml_assets_tests.loop.test_gate import SOUND, SPEC
from ml_assets_tests.sandbox import Sandbox, build_all, example
from ml_assets_tests.slow.answered import answered

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from ml_assets.loop.criterion import Criterion
    from ml_assets.loop.gate import Verdict
    from ml_assets.ml.training_table import Floats

MORE, FAR_MORE = 0.04, 0.5
"""Shares of a prediction's error that a better model's log odds take back."""
WORSE, BLUR = "LGA", 0.8
SLICE = f"origin={WORSE}"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """The flights pipeline as it is shipped, over the whole year, trained as declared."""
    import shutil

    box = Sandbox(tmp_path_factory.mktemp("year"), "flights")
    shutil.copytree(example("flights"), box.folder, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(box.root)
        for name, value in box.environment.items():
            patch.setenv(name, value)
        with box.lake() as con:
            build_all(con, box.pipeline)
        found = Finished(box)
        with found.instance() as instance:
            prove(box, instance)
        assert not found.run()
        yield found


@pytest.mark.slow
def test_september_to_december_are_predicted_as_well_as_known_and_no_better(
    year: Finished,
) -> None:
    about = year.latest("evaluation")
    assert about["test_rows"] == 109_619
    assert 0.745 < about["lightgbm auc"] < 0.785
    assert 0.72 < about["linear auc"] < 0.745
    assert about["constant auc"] == 0.5
    assert about["lightgbm average_precision"] > 0.5
    assert about["lightgbm log_loss"] < about["linear log_loss"] < about["constant log_loss"]


@pytest.fixture(scope="module")
def tested(year: Finished) -> dict[str, tuple[pa.Table, Floats]]:
    """The rows of each month that tests, with their predictions."""
    (version,) = year.versions()
    uri = year.settings.tracking_uri
    record = read_record(uri, version.run_id)
    table, _ = read_at(
        year.box.pipeline,
        year.settings,
        record.snapshot_id,
        record.labels_known_by,
        record.features,
    )
    model = load_native(uri, version.uri)
    months = {month: split.rows(table, [month]) for month in record.windows["test"]}
    return {month: (rows, model.predict(rows)) for month, rows in months.items()}


@pytest.mark.slow
def test_no_month_is_predicted_too_well_to_be_true(
    tested: dict[str, tuple[pa.Table, Floats]],
) -> None:
    for month, (rows, predicted) in tested.items():
        found = metrics.measure("binary", labels(rows), predicted)
        assert 0.7 < found["auc"] < 0.8, month


@pytest.mark.slow
def test_the_gate_promotes_what_differs_by_noise_only_at_the_nominal_rate(
    tested: dict[str, tuple[pa.Table, Floats]],
) -> None:
    """Two answers to four weeks of real flights in a row, each with luck of its own and by day."""
    rows, rng = answered([*tested.values()]), np.random.default_rng(0)

    def promoted() -> bool:
        weeks = rows.weeks(rng)
        return judge(weeks.compared(weeks.luck(rng), weeks.luck(rng)), SOUND, SPEC).passed

    passed = sum(promoted() for _ in range(1000))
    interval = binomtest(passed, 1000).proportion_ci(0.95)
    assert interval.low <= 1 - SPEC.confidence <= interval.high < 0.10, interval


@pytest.mark.slow
def test_the_gate_promotes_what_is_better_by_three_standard_errors(
    tested: dict[str, tuple[pa.Table, Floats]],
) -> None:
    """The challenger knows a little more of each flight, and has luck of its own and by day.

    Of days drawn from all, its gain over the predictions as they are is three times what it differs
    by from trial to trial, which is its paired standard error by day.
    """
    rows, rng = answered([*tested.values()]), np.random.default_rng(1)

    def trial() -> Verdict:
        days = rows.days(rng)
        better = days.knowing(MORE) + days.luck(rng)
        return judge(days.compared(0.0, better), SOUND, SPEC)

    verdicts = [trial() for _ in range(1000)]
    gains = [verdict.reasons[0].numbers["gain"] for verdict in verdicts]
    assert 3.0 <= np.mean(gains) / np.std(gains) <= 3.3
    passed = sum(verdict.passed for verdict in verdicts)
    interval = binomtest(passed, len(verdicts)).proportion_ci(0.95)
    assert passed >= 0.9 * len(verdicts), interval


@pytest.mark.slow
def test_the_gate_stops_what_is_better_overall_and_worse_at_one_airport(
    tested: dict[str, tuple[pa.Table, Floats]],
) -> None:
    """The challenger knows far more, but guesses at La Guardia: a tenth more loss there."""
    rows, rng = answered([*tested.values()]), np.random.default_rng(2)

    def trial() -> dict[str, Criterion]:
        weeks = rows.weeks(rng)
        guess = BLUR * rng.standard_normal(len(weeks.label))
        better = np.where(weeks.origin == WORSE, guess, weeks.knowing(FAR_MORE)) + weeks.luck(rng)
        verdict = judge(weeks.compared(0.0, better), SOUND, SPEC)
        found = {reason.name: reason for reason in verdict.reasons}
        assert not (verdict.passed and found[SLICE].passed is False)
        return found

    found = [trial() for _ in range(500)]
    there = [one[SLICE].numbers for one in found]
    worse = np.mean([one["challenger"] / one["champion"] - 1 for one in there])
    assert worse == pytest.approx(0.10, abs=0.01)
    assert min(one["rows"] for one in there) > SPEC.minimum_support
    assert np.mean([one["overall"].passed for one in found]) >= 0.99
    stopped = sum(one[SLICE].passed is False for one in found)
    assert binomtest(stopped, len(found)).proportion_ci(0.95).low >= 0.9


@pytest.mark.slow
def test_a_second_training_and_a_reproduction_give_the_same_model(year: Finished) -> None:
    from ml_assets.automation.reproduce import find_version, reproduce

    version = find_version(year.settings, "flights@champion")
    found = reproduce(year.box.pipeline, year.settings, version)
    assert (found.identical, found.reasons) == (True, [])
