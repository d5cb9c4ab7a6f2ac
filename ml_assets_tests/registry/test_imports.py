from __future__ import annotations

import subprocess
import sys


def test_importing_the_registry_loads_neither_mlflow_nor_lightgbm() -> None:
    modules = ("faults", "package", "portable", "quiet", "record", "store", "tracking", "versions")
    imports = "; ".join(f"import ml_assets.registry.{name}" for name in modules)
    check = "import sys; print({'mlflow', 'lightgbm', 'pandas', 'dagster'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}; {check}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
