"""A baseline that is better than LightGBM: chosen, through the gate, live, watched and rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.automation.reproduce import find_version, reproduce
from ml_assets.registry.package import load_baselines, load_native
from ml_assets.registry.record import read_record
from ml_assets.registry.references import read_reference
from ml_assets_tests.assets.contenders import aliases_of, ledger_of
from ml_assets_tests.conftest import LOOP, _point_to
from ml_assets_tests.finished import Finished, finish
from ml_assets_tests.sandbox import build_all
from ml_assets_tests.shop import DAYS, MONTHS, ORDERS_HEADER, ask_for_classes, order, write_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_assets.registry.record import TrainingRecord

# Who pays late is in the last digit of the number, which the amount tells; trees hardly see it.
ORACLE = """
import numpy as np


def fit(label, amount):
    late = np.isin((amount - 10) % 5, (3, 4))
    return {"late": float((label[late].sum() + 1) / (late.sum() + 2)),
            "other": float((label[~late].sum() + 1) / ((~late).sum() + 2))}


def predict(parameters, amount):
    late = np.isin((amount - 10) % 5, (3, 4))
    return np.where(late, parameters["late"], parameters["other"])
"""
ORACLE_OF_CLASSES = """
import numpy as np


def fit(label, amount, classes):
    digit = (amount - 10) % 5
    return {
        f"{k} {name}": float(((label[digit == k] == name).sum() + 1)
                             / ((digit == k).sum() + len(classes)))
        for k in range(5) for name in classes
    }


def predict(parameters, amount, classes):
    chances = [[parameters[f"{k} {name}"] for name in classes] for k in range(5)]
    return np.array(chances)[((amount - 10) % 5).astype(int)]
"""


@pytest.fixture(
    scope="module",
    params=["binary", pytest.param("multiclass", marks=pytest.mark.slow)],
)
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    """LightGBM as the first champion, the oracle declared and trained, and the loop run."""
    box, oracle = write_shop(tmp_path_factory.mktemp("oracle")), ORACLE
    if request.param == "multiclass":
        ask_for_classes(box)
        oracle = ORACLE_OF_CLASSES
    box.edit("orders", lambda _: _many())
    box.declare(_let_slow)
    with pytest.MonkeyPatch.context() as patch:
        _point_to(box, patch)
        with box.lake() as con:
            build_all(con, box.pipeline)
        found = finish(box)
        (box.folder / "oracle.py").write_text(oracle, encoding="utf-8")
        box.declare(lambda declared: declared["model"].update(baselines=["oracle.py"]))
        assert not found.run()
        assert not found.run(*LOOP)
        yield found


def _many() -> list[str]:
    """Return fifteen orders a day: the gate wants fifty of the rarer outcome."""
    days = [(month, day) for month in MONTHS for day in range(1, DAYS + 1) for _ in range(15)]
    rows = [order(n, *when, "north", 10 + n % 100) for n, when in enumerate(days, 1)]
    return [ORDERS_HEADER, *rows]


def _let_slow(declared: dict[str, Any]) -> None:
    declared["retraining"] = {"gate": {"latency_limit_us": 1e9}}


def record_of(live: Finished, number: int) -> TrainingRecord:
    version = next(one for one in live.versions() if one.version == number)
    return read_record(live.settings.tracking_uri, version.run_id)


def test_the_tuning_window_chooses_the_candidate(live: Finished) -> None:
    first, second = record_of(live, 1), record_of(live, 2)
    assert (first.candidate, list(first.losses)) == ("lightgbm", ["lightgbm"])
    assert second.candidate == "oracle"
    assert second.losses["oracle"] < 0.2 < second.losses["lightgbm"]
    assert second.rounds == 0
    wanted = {"late", "other"}
    if live.box.pipeline.declaration.model.problem == "multiclass":
        wanted = {f"{k} {name}" for k in range(5) for name in ("fair", "late", "soon")}
    assert set(second.parameters) == wanted


def test_lightgbm_stands_beside_it_in_the_report(live: Finished) -> None:
    version = live.versions()[1]
    rivals = load_baselines(live.settings.tracking_uri, version.run_id)
    assert [one.name for one in rivals] == ["constant", "linear", "rate", "lightgbm"]
    told = live.latest("evaluation")
    assert told["oracle log_loss"] < told["lightgbm log_loss"]
    report = (live.box.root / "data" / "reports" / "shop.html").read_text(encoding="utf-8")
    assert "oracle.py" in report
    assert "The model beats all four baselines" in report


def test_its_refit_goes_live_through_the_gate(live: Finished) -> None:
    assert aliases_of(live) == {"champion": 3, "previous": 1}
    row = ledger_of(live)[-1]
    assert (row.promoted, row.from_version, row.to_version) == (True, 1, 3)
    assert all(one["passed"] for one in row.numbers["refit"])
    refit = record_of(live, 3)
    assert refit.candidate == "oracle"
    assert refit.parameters != record_of(live, 2).parameters


def test_it_scores_and_is_watched_like_any_model(live: Finished) -> None:
    version = live.versions()[2]
    with live.box.lake() as con:
        rows = con.execute(
            "SELECT score, amount FROM shop.predictions.scores JOIN shop.features.orders USING (id)"
            " WHERE model_version = 3"
        ).to_arrow_table()
        scored = con.execute("SELECT count(*) FROM shop.predictions.scores").fetchone()
    assert scored == (1260,)
    model = load_native(live.settings.tracking_uri, version.uri)
    assert rows.num_rows > 0
    answers = model.predict(rows)
    wanted = answers.max(axis=1) if model.classes else answers
    assert rows["score"].to_pylist() == wanted.tolist()
    reference = read_reference(live.settings.tracking_uri, version)
    assert reference is not None
    assert reference.importance == {"amount": 1.0, "paid_week": 0.0, "shop": 0.0}


@pytest.mark.parametrize("number", [2, 3])
def test_it_is_rebuilt_bit_for_bit(live: Finished, number: int) -> None:
    version = find_version(live.settings, f"shop/{number}")
    found = reproduce(live.box.pipeline, live.settings, version)
    assert (found.identical, found.reasons) == (True, [])


def test_other_code_of_its_file_is_told_and_prose_is_not(live: Finished, tmp_path: Path) -> None:
    mine = live.copy(tmp_path / "box")
    file = mine.box.folder / "oracle.py"
    version = find_version(mine.settings, "shop/2")
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "\n# A remark.\n", encoding="utf-8")
    assert reproduce(mine.box.pipeline, mine.settings, version).reasons == []
    file.write_text(text.replace("+ 1)", "+ 3)"), encoding="utf-8")
    found = reproduce(mine.box.pipeline, mine.settings, version)
    assert not found.identical
    assert found.reasons[0].startswith("code of training: ")
