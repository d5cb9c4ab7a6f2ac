"""A replay of a world that turns: it notices, retrains, promotes, and can be stopped anywhere."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ml_assets import clock
from ml_assets.errors import MLAssetsError
from ml_assets.loop.policy import Policy, TriggerSpec
from ml_assets.registry.record import read_record
from ml_assets.registry.versions import versions
from ml_assets.replay import kept
from ml_assets.replay.replay import replay
from ml_assets.replay.root import Root, inside
from ml_assets.warehouse.appended import decisions, promotions
from ml_assets.warehouse.lake import connect
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.conftest import unset
from ml_assets_tests.replay.turning import write_turning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml_assets.replay.table import Period
    from ml_assets.tables.pipeline import Pipeline

MONTHS = [f"2024-{month:02d}" for month in range(1, 7)]


@dataclass(frozen=True)
class Lived:
    """A replay that nobody disturbed."""

    pipeline: Pipeline
    root: Root
    periods: list[Period]
    told: list[str]


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in whose settings point to a production that must not be touched."""
    folder = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        unset(patch)
        patch.setenv("ML_ASSETS_DATA", str(folder / "data"))
        patch.setenv("ML_ASSETS_CATALOG", "host=production.invalid dbname=lake")
        patch.setenv("ML_ASSETS_WEBHOOK", "http://production.invalid/hook")
        patch.setenv("MLFLOW_TRACKING_URI", "http://production.invalid")
        patch.setenv("DAGSTER_HOME", str(folder / "home"))
        patch.setenv("ML_ASSETS_THREADS", "2")
        yield folder


@pytest.fixture(scope="module")
def pipeline(production: Path) -> Pipeline:
    return write_turning(production)


@pytest.fixture(scope="module")
def calm(pipeline: Pipeline, production: Path) -> Lived:
    """One month, with a policy that never retrains; the state before it is put aside."""
    never = Policy(trigger=TriggerSpec(calibration=None, performance=None, max_age_days=None))
    changed = pipeline.declaration.model_copy(update={"retraining": never})
    root = Root(production / "calm")

    def put_aside(text: str) -> None:
        if "2024-04 is there" in text:
            shutil.copytree(root.kept / "1", aside(root))

    return live(replace(pipeline, declaration=changed), root, "2024-04", put_aside)


def aside(root: Root) -> Path:
    return root.folder / "aside"


@pytest.fixture(scope="module")
def turned(pipeline: Pipeline, production: Path) -> Lived:
    """Three months under the default policy."""
    return live(pipeline, Root(production / "turned"), "2024-06")


def live(
    pipeline: Pipeline, root: Root, last: str, listen: Callable[[str], None] | None = None
) -> Lived:
    """Replay from April on."""
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        if listen is not None:
            listen(text)

    with dagsters_own_warnings():
        return Lived(pipeline, root, replay(pipeline, "2024-04", last, root, tell), told)


def stop_at(words: str) -> Callable[[str], None]:
    def listen(text: str) -> None:
        if words in text:
            raise KeyboardInterrupt

    return listen


def test_a_month_is_scored_and_monitored_as_it_comes(calm: Lived) -> None:
    (april,) = calm.periods
    assert (april.partition, april.rows, april.version, april.after) == ("2024-04", 720, 1, 1)
    # The last parcels of the month were under way when the tables were refreshed.
    assert 0.98 < april.coverage < 1
    assert april.verdicts["performance"] == "alarm"
    assert (april.decision, april.reason) == ("hold", "Nothing is due: no cause may retrain")
    assert (april.gate, april.promoted) == ("", False)
    text = "\n".join(calm.told)
    assert "2024-04-01 04:00 UTC  loads 2024-01 to 2024-03" in text
    assert "2024-05-01 04:00 UTC  2024-04 is there (version 1). Alarms: " in text
    assert "shop/cleaned/orders" in calm.root.log.read_text()


def test_production_and_the_environment_are_as_before(calm: Lived, production: Path) -> None:
    assert calm.periods
    assert clock.NOW not in os.environ
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://production.invalid"
    made = {path.name for path in production.iterdir()} - {"turned"}
    assert made == {"pipelines", "orders.csv", "calm"}


def test_lived_through_once_it_is_only_read(calm: Lived) -> None:
    again = live(calm.pipeline, calm.root, "2024-04")
    assert again.periods == calm.periods
    assert again.told == ["2 of 2 ticks are done already."]


@pytest.mark.parametrize("changed", ["declaration", "code"])
def test_another_declaration_or_code_is_refused(
    calm: Lived, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = kept._identity(calm.pipeline)
    monkeypatch.setattr(kept, "_identity", lambda _: {**now, changed: "another"})
    with pytest.raises(MLAssetsError, match=f"The {changed} changed since this replay of shop"):
        live(calm.pipeline, calm.root, "2024-04")


@pytest.mark.slow
def test_stopped_in_the_middle_it_tells_the_same_story(calm: Lived) -> None:
    # Back to the end of the first tick, as if the second had never been lived through.
    shutil.rmtree(calm.root.kept / "2")
    aside(calm.root).rename(calm.root.kept / "1")
    # When April was scored, and nothing was decided about it yet.
    with pytest.raises(KeyboardInterrupt):
        live(calm.pipeline, calm.root, "2024-04", stop_at("2024-04 is there"))
    resumed = live(calm.pipeline, calm.root, "2024-04")
    assert resumed.told[0] == "1 of 2 ticks are done already."
    assert resumed.periods == calm.periods


def test_without_a_history_it_does_not_begin(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(MLAssetsError, match="2 partitions before 2024-03, fewer than 3"):
        replay(pipeline, "2024-03", "2024-04", Root(tmp_path), lambda _: None)


@pytest.mark.slow
def test_the_world_turns_and_the_loop_follows(turned: Lived) -> None:
    april, may, june = turned.periods
    assert (april.version, april.decision, april.promoted, april.after) == (1, "retrain", True, 3)
    assert (may.version, may.decision, may.promoted, may.after) == (3, "retrain", True, 5)
    assert (june.version, june.decision, june.gate, june.after) == (5, "hold", "", 5)
    # As it was said then; the retraining has answered it since.
    assert april.verdicts["calibration"] == "alarm"
    losses = [one.metrics["log_loss"] for one in turned.periods]
    assert losses[0].low > losses[1].high
    assert losses[1].low > losses[2].high
    assert "better" in april.gate
    text = "\n".join(turned.told)
    assert "2024-05-01 04:01 UTC  retrains. Attempt 1 of 3 of calibration-2024-04" in text
    assert "version 3 goes live" in text


@pytest.mark.slow
def test_a_challenger_holds_out_the_newest_partition_and_its_refit_nothing(turned: Lived) -> None:
    with inside(turned.root) as settings:
        uri = settings.tracking_uri
        found = [read_record(uri, one.run_id).windows for one in versions(uri, "shop")]
    assert [(one["train"], one["test"]) for one in found] == [
        (MONTHS[:2], MONTHS[2:3]),
        (MONTHS[:3], MONTHS[3:4]),
        (MONTHS[:4], []),
        (MONTHS[:4], MONTHS[4:5]),
        (MONTHS[:5], []),
    ]


@pytest.mark.slow
def test_every_time_in_the_ledgers_is_the_replayed_one(turned: Lived) -> None:
    with inside(turned.root) as settings, connect("shop", settings, read_only=True) as con:
        decided = [row.decided_at for row in decisions(con, "shop")]
        promoted = [row.promoted_at for row in promotions(con, "shop")]
    april, may, june, july = (datetime(2024, month, 1, 4, tzinfo=UTC) for month in range(4, 8))
    minute = timedelta(minutes=1)
    assert decided == [april, may, may + 2 * minute, june, june + 2 * minute, july]
    assert promoted == [april, may + minute, june + minute]


@pytest.mark.longest
def test_stopped_while_it_retrains_it_tells_the_same_story(turned: Lived, tmp_path: Path) -> None:
    root = Root(tmp_path)
    for stop in ("retrains. Attempt 1 of 3 of calibration-2024-04", "version 3 goes live"):
        with pytest.raises(KeyboardInterrupt):
            live(turned.pipeline, root, "2024-06", stop_at(stop))
    assert live(turned.pipeline, root, "2024-06").periods == turned.periods
