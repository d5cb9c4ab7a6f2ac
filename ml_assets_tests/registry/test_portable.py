from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ml_assets.registry.portable import copy_library

if TYPE_CHECKING:
    from pathlib import Path


def test_the_copy_holds_the_codec_and_what_it_imports_only(tmp_path: Path) -> None:
    package = copy_library("ml.codec", tmp_path)
    names = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert names == {"__init__.py", "errors.py", "ml/__init__.py", "ml/codec.py"}


def test_the_copy_has_the_same_name_for_the_same_content(tmp_path: Path) -> None:
    first, second = (copy_library("ml.codec", tmp_path / name) for name in "ab")
    assert first.name == second.name
    assert copy_library("errors", tmp_path).name != first.name


def test_the_copy_imports_without_ml_assets(tmp_path: Path) -> None:
    package = copy_library("ml.codec", tmp_path)
    code = (
        f"import sys; sys.modules['ml_assets'] = None; sys.path.insert(0, {str(tmp_path)!r}); "
        f"from {package.name}.ml.codec import Codec; print(Codec(()).to_json())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '{"features":[]}'
