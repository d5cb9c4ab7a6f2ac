"""The shelf: what is on it is not made again, and a piece is there whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.backtest.shelf import MONITORS, TRAINING, Shelf, code_version
from ml_assets.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def never() -> str:
    raise AssertionError("made again")


def test_a_piece_is_made_once(tmp_path: Path) -> None:
    assert Shelf(tmp_path).text("models", "a", lambda: "trees") == "trees"
    assert Shelf(tmp_path).text("models", "a", never) == "trees"
    assert Shelf(tmp_path).text("models", "b", lambda: "other") == "other"


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    values = np.array([0.1, 1 / 3, np.nextafter(0, 1), 1.0])
    for _ in range(2):
        found = Shelf(tmp_path).array("scores", "a", lambda: values)
        assert found.tobytes() == values.tobytes()


def test_what_was_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def killed() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Shelf(tmp_path).text("models", "a", killed)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert Shelf(tmp_path).text("models", "a", lambda: "trees") == "trees"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(StorageError, match=r"models/a\.json cannot be written"):
        Shelf(tmp_path).text("models", "a", lambda: "trees")


def test_code_has_a_version_of_its_own() -> None:
    assert code_version(*TRAINING) == code_version(*TRAINING)
    assert code_version(*TRAINING) != code_version(*MONITORS)
    assert code_version("backtest/shelf.py") != code_version("backtest/past.py")
