from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ml_assets import cli_replay
from ml_assets.cli import main
from ml_assets.component.folder import load_folder
from ml_assets.errors import MLAssetsError
from ml_assets.replay import replay as replays
from ml_assets_tests.replay.test_world import queries
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.warehouse.settings import Settings


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ((None, None), ("2013-04", "2013-12")),
        (("2013-06", None), ("2013-06", "2013-12")),
        (("2013-06", "2013-08"), ("2013-06", "2013-08")),
    ],
)
def test_a_replay_begins_where_the_walk_forward_does(
    given: tuple[str | None, str | None], bounds: tuple[str, str]
) -> None:
    assert cli_replay._bounds(load_folder(example("flights")), *given) == bounds


def test_where_nothing_is_declared_three_partitions_are_trained_on() -> None:
    flights = load_folder(example("flights"))
    split = replace(flights.declaration.model.split, walk_forward_from=None)
    model = replace(flights.declaration.model, split=split)
    changed = flights.declaration.model_copy(update={"model": model})
    pipeline = replace(flights, declaration=changed)
    assert cli_replay._bounds(pipeline, None, None) == ("2013-04", "2013-12")


def test_a_bound_that_is_no_partition_is_named() -> None:
    flights = load_folder(example("flights"))
    with pytest.raises(MLAssetsError, match="--to 2014-01 is no partition of flights that is over"):
        cli_replay._bounds(flights, None, "2014-01")


def by_itself() -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("stops", [by_itself, queries])
def test_ctrl_c_says_how_to_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, stops: Callable[[], None]
) -> None:
    monkeypatch.setattr(replays, "replay", lambda *_, **__: stops())
    monkeypatch.setenv("DAGSTER_HOME", str(settings.data))
    done = CliRunner().invoke(main, ["replay", example("flights").name])
    assert done.exit_code == 1
    assert "Stopped; the same command goes on." in done.output
