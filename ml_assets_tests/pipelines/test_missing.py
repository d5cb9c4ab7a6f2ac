"""A pipeline is a folder: without it the code location loads, and the tests of all else are there.

What needs the folder as its example is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_assets.folders import PIPELINES
from ml_assets_tests.automation.sandbox import REPOSITORY
from ml_assets_tests.sandbox import FOLDERS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HERE = (
    *("ml_assets", "ml_assets_tests", "docs"),
    *("pyproject.toml", "workspace.yaml", ".dagster/dagster.yaml"),
)
TESTS = ("ml_assets_tests/reference", "ml_assets_tests/lineage/test_registered.py")
"""Some that need no pipeline, and one that needs an example."""


@pytest.mark.parametrize("gone", [folder.name for folder in FOLDERS])
def test_a_pipelines_folder_can_be_deleted(gone: str, tmp_path: Path) -> None:
    for name in HERE:
        copy(name, tmp_path)
    shutil.rmtree(tmp_path / PIPELINES.relative_to(REPOSITORY) / gone)
    collected = python(tmp_path, "-m", "pytest", "--co", "-q")
    assert f"pipelines/test_{gone}" not in collected
    assert "test_missing.py" in collected
    python(tmp_path, "-m", "pytest", "-q", *TESTS)
    python(tmp_path, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")


def copy(name: str, root: Path) -> None:
    origin, target = REPOSITORY / name, root / name
    target.parent.mkdir(exist_ok=True)
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, target)


def python(root: Path, *arguments: str) -> str:
    """Run Python in the copy and return what it said; it must succeed."""
    home = {"PYTHONPATH": str(root), "DAGSTER_HOME": str(root / ".dagster")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, **home, "ML_ASSETS_DATA": str(root / "data"), "ML_ASSETS_STRICT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
