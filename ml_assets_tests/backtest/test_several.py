"""Several classes in a backtest: measured on all of them, and seen no earlier than they happen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.backtest.models import Models
from ml_assets.backtest.page import render
from ml_assets.backtest.past import look_back
from ml_assets.backtest.policies import policies
from ml_assets.backtest.run import backtest
from ml_assets.backtest.seen import joined
from ml_assets.backtest.shelf import Shelf
from ml_assets.backtest.table import markdown
from ml_assets.backtest.trial import challenge
from ml_assets.ml import boost
from ml_assets_tests.backtest import world
from ml_assets_tests.backtest.conftest import Told
from ml_assets_tests.sandbox import ignore_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ml_assets.backtest.compare import Comparison, Result
    from ml_assets.backtest.model import Model
    from ml_assets_tests.sandbox import Sandbox

NAMES = ("auc:.02", "psi:.1")
BEFORE, LAST = "2024-03-25", "2024-04-15"
"""The last week without the new class, with which the backtest begins, and its last one."""
KNOWN = ("late", "quick", "slow")
CLASSES = tuple(sorted((*KNOWN, world.NEW)))


@pytest.fixture(scope="module")
def box(parcels: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The parcels with what became of them as classes."""
    found = parcels.copy(tmp_path_factory.mktemp("several") / "box")
    found.declare(world.several)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found.root)
        yield found


@pytest.fixture(scope="module")
def models(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of this past."""
    past = look_back(box.pipeline, box.settings)
    return Models(past, Shelf(tmp_path_factory.mktemp("shelf")), 0, ignore_waiting)


@pytest.fixture(scope="module")
def old(models: Models) -> Model:
    """A model of the weeks before the new class."""
    opening = models.past.pipeline.partitions.window(BEFORE).start
    return models.train(models.past.over(opening), opening)


@pytest.fixture(scope="module")
def compared(box: Sandbox) -> Told:
    """Policies compared."""
    lines: list[str] = []
    return Told(_run(box, lines), lines)


def _run(box: Sandbox, lines: list[str], names: tuple[str, ...] = NAMES) -> Comparison:
    told = lines.append
    return backtest(box.pipeline, box.settings, names, first=BEFORE, last=LAST, progress=told)


def _end(models: Models, key: str, days: int = 0) -> datetime:
    return models.past.pipeline.partitions.window(key).end + timedelta(days=days)


def test_policies_are_compared_on_the_log_loss_of_all_classes(
    compared: Told, models: Models
) -> None:
    from sklearn.metrics import log_loss, roc_auc_score

    assert compared.found.primary == "log_loss"
    for result in compared.found.results:
        areas = []
        for place, (key, model) in enumerate(result.course.live.items()):
            rows = models.past.rows(key)
            rows = rows.filter(rows["_label"].is_valid())
            score, own = np.zeros((rows.num_rows, 4)), list(model.trained.classes)
            score[:, [CLASSES.index(name) for name in own]] = model.trained.predict(rows, 1)
            label = np.array(rows["_label"].to_pylist())
            wanted = log_loss(label, score, labels=CLASSES)
            assert result.losses[place] == pytest.approx(wanted)
            each = [roc_auc_score(label == k, score[:, CLASSES.index(k)]) for k in np.unique(label)]
            areas.append(np.mean(each))
        assert result.metrics["macro_auc"] == pytest.approx(np.mean(areas))


def test_table_and_page_show_the_auc_of_all_classes(compared: Told) -> None:
    assert " Log loss (95 %) | Macro AUC | " in markdown(compared.found)
    assert "Macro AUC" in render(compared.found)


def test_decisions_name_what_shows_it(compared: Told) -> None:
    auc, psi = map(_reasons, compared.found.results[2:])
    assert any(one.startswith("Macro AUC 0.") for one in auc)
    # Whichever moved farthest: a class's score or that of the predicted one.
    assert any(one.startswith(("PSI of the score of ", "PSI of the scores 0.")) for one in psi)


@pytest.mark.slow
def test_the_declared_policy_decides_from_each_class(box: Sandbox) -> None:
    _, _, calibration, defs = map(_reasons, _run(box, [], ("calibration", "defs")).results)
    for reasons in (calibration, defs):
        assert "of the other classes" in reasons[-1]
        assert "rows are of classes that training did not see" in reasons[-1]
    assert "calibration: " not in calibration[-1]


def _reasons(result: Result) -> list[str]:
    return [event.decision.reason for event in result.course.events]


def test_who_never_retrains_pays_for_the_class_it_does_not_know(compared: Told) -> None:
    never, weekly = compared.found.results[:2]
    assert never.course.live[LAST].trained.classes == KNOWN
    assert weekly.course.live[LAST].trained.classes == CLASSES
    assert never.losses[0] == weekly.losses[0] < 1.2
    assert never.losses[-1] > weekly.losses[-1] + 1
    assert weekly.gain.low > 0


@pytest.mark.slow
def test_a_second_call_reads_what_was_kept(
    box: Sandbox, compared: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(boost, "train", refuse)
    monkeypatch.setattr(boost.TrainedModel, "predict", refuse)
    assert render(_run(box, [])) == render(compared.found)


def test_a_class_is_counted_from_when_its_labels_are_known(models: Models, old: Model) -> None:
    early = models.days(old, world.CHANGED, _end(models, world.CHANGED, -6))
    later = models.days(old, world.CHANGED, _end(models, world.CHANGED, 9))
    assert (set(early.classes), set(later.classes)) == (set(KNOWN), set(CLASSES))
    label = models.past.rows(world.CHANGED)["_label"].to_pylist()
    for name in CLASSES:
        assert later.classes[name][:, 0].sum() == label.count(name)
    assert later.classes[world.NEW][:, 1].sum() == 0
    both = joined([models.days(old, BEFORE, _end(models, BEFORE, 9)), later])
    assert both.classes[world.NEW].shape == (14, 3)
    assert not both.classes[world.NEW][:7].any()


def test_the_gate_judges_on_the_classes_that_either_knows(models: Models, old: Model) -> None:
    found = challenge(models, old, _end(models, "2024-05-06", 3))
    assert found.live is found.made[-1]
    assert [one.trained.classes for one in found.made] == [CLASSES, CLASSES]
    assert found.reason.endswith("better.")


def test_the_policy_of_the_auc_is_among_those_compared(box: Sandbox) -> None:
    assert "auc:.02" in [policy.name for policy in policies([], box.pipeline)]
