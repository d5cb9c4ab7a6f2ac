"""Models of the past: what production would train, and each of them once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.backtest.models import Models
from ml_assets.backtest.shelf import Shelf
from ml_assets.ml import boost, metrics, split
from ml_assets.ml.fit import fit
from ml_assets.ml.spec import SplitSpec, TuningSpec
from ml_assets.ml.training_table import labels
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ml_assets.backtest.past import Past

KEYS = ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
NEXT = "2024-01-29"


@pytest.fixture(scope="module")
def as_of(past: Past) -> datetime:
    """When the week after the last one trained on begins."""
    return past.pipeline.partitions.window(NEXT).start


def on(past: Past, folder: Path, trials: int = 0) -> Models:
    return Models(past, Shelf(folder), trials, ignore_waiting)


def test_a_model_is_that_of_the_walk_forward(
    past: Past, models: Models, as_of: datetime, tmp_path: Path
) -> None:
    later = past.training_rows([NEXT], as_of + timedelta(days=30))
    table = pa.concat_tables([past.training_rows(KEYS, as_of), later])
    spec = replace(models.spec, tuning=TuningSpec(trials=0), split=SplitSpec(test=1, tune=1))
    windows = split.walk_forward([*KEYS, NEXT], spec.split)[-1]
    storage = f"sqlite:///{tmp_path}/study.db"
    wanted = fit(table, past.features, spec, windows, storage, "study", lambda *_: None)
    found = models.train(KEYS, as_of)
    assert found.trained.model_hash == wanted.model.model_hash
    assert found.rows == wanted.rows


def test_recorded_start_parameters_are_not_used(
    past: Past, models: Models, as_of: datetime, tmp_path: Path
) -> None:
    declared = past.pipeline.declaration
    tuning = TuningSpec(trials=7, start={"learning_rate": 0.2, "num_leaves": 8})
    changed = declared.model_copy(update={"model": replace(declared.model, tuning=tuning)})
    other = replace(past, pipeline=replace(past.pipeline, declaration=changed))
    found = on(other, tmp_path).train(KEYS, as_of)
    assert found.name == models.train(KEYS, as_of).name


def test_a_label_that_comes_later_is_not_trained_on(
    past: Past, models: Models, as_of: datetime
) -> None:
    found = models.train(KEYS, as_of)
    known = sum(past.outcomes[key].known(as_of).sum() for key in KEYS)
    assert found.rows == known < sum((~np.isnan(past.outcomes[key].label)).sum() for key in KEYS)


def test_every_piece_is_made_once(
    past: Past, as_of: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pieces(models: Models) -> list[object]:
        model = models.train(KEYS, as_of)
        usual, days = models.usual(model), models.days(model, NEXT, as_of + timedelta(days=9))
        return [
            model.trained.model_hash,
            models.train(KEYS, as_of, model).trained.model_hash,
            models.scores(model, NEXT).tolist(),
            usual.reference.to_json(),
            dict(usual.metrics),
            days.labelled.tolist(),
            {name: counts.tolist() for name, counts in days.histograms.items()},
        ]

    first = pieces(on(past, tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(boost, "train", refuse)
    monkeypatch.setattr(boost.TrainedModel, "predict", refuse)
    monkeypatch.setattr(type(past), "rows", refuse)
    assert pieces(on(past, tmp_path)) == first


def test_other_rows_trials_or_parameters_are_another_model(
    past: Past, models: Models, as_of: datetime, tmp_path: Path
) -> None:
    model = models.train(KEYS, as_of)
    content = {**past.content, KEYS[1]: "changed"}
    elsewhere = {**past.content, NEXT: "changed"}
    others = [
        on(replace(past, content=content), tmp_path).train(KEYS, as_of),
        on(past, tmp_path, trials=2).train(KEYS, as_of),
        models.train(KEYS, as_of + timedelta(hours=1)),
        models.train(KEYS[1:], as_of),
        models.train(KEYS, as_of, models.train(KEYS[:3], as_of)),
    ]
    assert len({model.name, *(one.name for one in others)}) == 6
    same = on(replace(past, content=elsewhere), tmp_path).train(KEYS, as_of)
    assert same.name == model.name


def test_a_refit_takes_over_parameters_and_rounds(models: Models, as_of: datetime) -> None:
    challenger = models.train(KEYS[:3], as_of)
    refit = models.train(KEYS, as_of, challenger)
    assert refit.parameters == challenger.parameters
    assert refit.trained.rounds == challenger.trained.rounds
    assert refit.rows > challenger.rows


def test_trials_are_searched(past: Past, as_of: datetime, tmp_path: Path) -> None:
    import optuna

    on(past, tmp_path, trials=3).train(KEYS[:2], as_of)
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{tmp_path}/tuning.sqlite")
    assert study.n_trials == 3


def test_answers_belong_to_the_known_facts(past: Past, models: Models, as_of: datetime) -> None:
    model, keys = models.train(KEYS[:2], as_of), KEYS[2:]
    rows = past.training_rows(keys, as_of)
    facts, answers = past.known_facts(keys, as_of), models.answers(model, keys, as_of, ())
    assert facts["id"].to_pylist() == rows["id"].to_pylist()
    np.testing.assert_array_equal(answers, model.trained.predict(rows, 1))


def test_days_know_the_labels_of_their_moment(past: Past, models: Models, as_of: datetime) -> None:
    model = models.train(KEYS, as_of)
    own, end = past.outcomes[NEXT], past.pipeline.partitions.window(NEXT).end
    for moment in (end, end + timedelta(days=9)):
        days = models.days(model, NEXT, moment)
        assert days.rows.sum() == len(own.label)
        assert days.labelled.sum() == own.known(moment).sum()
        assert days.labelled_label.sum() == own.label[own.known(moment)].sum()


def test_usual_metrics_are_out_of_fold(past: Past, models: Models, as_of: datetime) -> None:
    model = models.train(KEYS, as_of)
    rows, usual = past.training_rows(KEYS, as_of), models.usual(model)
    inside = metrics.measure("binary", labels(rows), model.trained.predict(rows, 1))
    assert usual.metrics["auc"] < inside["auc"]
    days = usual.reference.days
    loss = days.labelled_loss.sum() / days.labelled.sum()
    assert loss == pytest.approx(usual.metrics["log_loss"])
