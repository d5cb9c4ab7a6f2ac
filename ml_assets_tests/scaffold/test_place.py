from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.scaffold.place import folder_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipelines(tmp_path: Path) -> Path:
    folder = tmp_path / "ml_assets" / "pipelines"
    (folder / "taken").mkdir(parents=True)
    (tmp_path / "workspace.yaml").touch()
    return folder


def test_a_new_name_has_a_place(pipelines: Path) -> None:
    assert folder_for("rain_2", pipelines) == pipelines / "rain_2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("taken", "There is a pipeline 'taken' already"),
        ("raw", "'raw' is a reserved name. Choose another; reserved are cleaned, "),
        ("Rain", "'Rain' is no name for a pipeline. Use lower-case"),
        ("2rain", "is no name"),
        ("../rain", "is no name"),
        ("", "is no name"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(pipelines: Path, name: str, text: str) -> None:
    with pytest.raises(DeclarationError, match=text):
        folder_for(name, pipelines)


def test_an_installed_package_is_no_place(pipelines: Path) -> None:
    (pipelines.parent.parent / "workspace.yaml").unlink()
    with pytest.raises(DeclarationError, match="no checkout but an installed package"):
        folder_for("rain", pipelines)
