from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ml_assets.ml

MODULES = sorted(path.stem for path in Path(ml_assets.ml.__path__[0]).glob("*.py"))


def test_importing_loads_nothing_heavy() -> None:
    names = ", ".join(f"ml_assets.ml.{name}" for name in MODULES if name != "__init__")
    script = (
        f"import sys, {names};"
        "heavy = {'lightgbm', 'optuna', 'sklearn', 'scipy', 'pandas', 'mlflow', 'dagster'};"
        "print(*(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert loaded.stdout.strip() == ""
