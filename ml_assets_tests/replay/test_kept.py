"""What is kept is the state after a tick, whatever happens to the state or in the middle of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.errors import MLAssetsError
from ml_assets.replay import kept
from ml_assets.replay.root import Root
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from pathlib import Path


def live(root: Root, number: int) -> None:
    """Live through a tick that writes a new Parquet file and changes another file in place."""
    kept.begin(root)
    (root.data / f"{number}.parquet").write_text(f"rows {number}")
    (root.data / "catalog.sqlite").write_text(f"tick {number}")


def content(root: Root) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(root.data.iterdir())}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    found = Root(tmp_path / "replay")
    for number in (1, 2):
        live(found, number)
        kept.keep(found, number)
    return found


AFTER_TWO = {"1.parquet": "rows 1", "2.parquet": "rows 2", "catalog.sqlite": "tick 2"}


def test_a_whole_state_is_gone_on_with(root: Root) -> None:
    marker = root.data / "untouched"
    marker.touch()
    assert kept.restore(root) == 2
    assert marker.exists()
    assert [path.name for path in root.kept.iterdir()] == ["2"]


def test_a_torn_state_goes_back_to_the_last_tick(root: Root) -> None:
    live(root, 3)
    assert kept.restore(root) == 2
    assert content(root) == AFTER_TWO
    # What is written now does not reach what is kept.
    live(root, 3)
    assert kept.restore(root) == 2
    assert content(root) == AFTER_TWO


def test_killed_while_it_was_copied_or_restored_it_goes_back_as_well(root: Root) -> None:
    live(root, 3)
    shutil.copytree(root.kept / "2", root.kept / "3.part")
    (root.state / "dagster" / "dagster.yaml").unlink()
    assert kept.restore(root) == 2
    assert content(root) == AFTER_TWO
    shutil.rmtree(root.data)
    (root.state / kept.WHOLE).unlink()
    assert kept.restore(root) == 2
    assert content(root) == AFTER_TWO


def test_killed_between_keeping_and_marking_the_tick_counts(root: Root) -> None:
    live(root, 3)
    shutil.copytree(root.state, root.kept / "3")
    assert kept.restore(root) == 3
    assert content(root)["catalog.sqlite"] == "tick 3"


def test_killed_in_the_first_tick_nothing_is_left(tmp_path: Path) -> None:
    root = Root(tmp_path)
    live(root, 1)
    assert kept.restore(root) == 0
    assert not root.state.exists()


def test_a_forgotten_replay_begins_anew_under_its_lock(root: Root) -> None:
    (root.folder / "replay.lock").touch()
    (root.folder / "table.json").touch()
    kept.forget(root)
    assert [path.name for path in root.folder.iterdir()] == ["replay.lock"]
    assert kept.restore(root) == 0


def test_a_changed_declaration_is_named_until_the_replay_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "flights"
    shutil.copytree(example("flights"), folder)
    pipeline, root = load_folder(folder), Root(tmp_path / "replay")
    kept.require_same(root, pipeline)
    kept.require_same(root, pipeline)
    select = folder / "features" / "weather.sql"
    select.write_text(select.read_text() + "-- another\n")
    with pytest.raises(MLAssetsError, match=r"The declaration changed .* Begin anew with --fresh"):
        kept.require_same(root, pipeline)
    kept.forget(root)
    kept.require_same(root, pipeline)
