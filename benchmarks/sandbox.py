"""A copy of the packages in a folder of its own, its pipeline pointed at other files."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.data import HIGHEST, replicate
from benchmarks.measure import Measured, measure

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
FLIGHTS = "flights"
THREADS = 2
"""For DuckDB in both programs; LightGBM takes what the pipeline declares."""


@dataclass(frozen=True)
class Sandbox:
    """What both programs run from: one state of the code, one set of files."""

    folder: Path
    name: str = FLIGHTS
    """The pipeline that is run."""

    @property
    def pipeline(self) -> Path:
        """The pipeline's folder."""
        return self.folder / "ml_assets" / "pipelines" / self.name

    def floor(self, state: str, what: str) -> Measured:
        """Run the plain script."""
        return self._run(state, "benchmarks.floor", what, str(self.pipeline))

    def traced(self, state: str, what: str) -> Measured:
        """Run the pipeline over the data root `state`, or go on with what is there."""
        measured = self._run(state, "benchmarks.traced", what, self.name)
        recorded = self._run(state, "benchmarks.recorded", self.name)
        return replace(measured, result={**measured.result, **recorded.result})

    def _run(self, state: str, module: str, *arguments: str) -> Measured:
        """Run `python -m <module> <arguments> <result file>` over the data root `state`."""
        root, result = self.folder / state, self.folder / f"{state}.json"
        home = root / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / ".dagster" / "dagster.yaml", home)
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "ML_ASSETS_DATA": str(root),
            "ML_ASSETS_THREADS": str(THREADS),
            # Waiting threads that spin would count as work, and hold up who shares the machine.
            "OMP_WAIT_POLICY": "passive",
        }
        command = [sys.executable, "-m", module, *arguments, str(result)]
        return measure(command, self.folder, environment, result, root / "output.log")

    def close(self, last: str) -> None:
        """Declare `last` as the pipeline's last partition."""
        self.declare(lambda attributes: attributes["partitions"].update(end=last))

    def declare(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let `change` alter the attributes in the pipeline's defs.yaml."""
        path = self.pipeline / "defs.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document["attributes"])
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def sandbox(folder: Path, scale: int, trials: int | None, name: str = FLIGHTS) -> Sandbox:
    """Copy the code into a new `folder` and point its pipeline at the flights `scale` times."""
    shutil.rmtree(folder, ignore_errors=True)
    made = Sandbox(folder, name)
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("ml_assets", "benchmarks"):
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        # As an installed package is: which program runs first should not matter.
        compileall.compile_dir(folder / package, quiet=1)
    if scale > 1:
        files = replicate(scale, folder.parent / f"files-{scale}x")
        made.declare(lambda attributes: _point(attributes, files))
    if trials is not None:
        made.declare(lambda attributes: attributes["model"]["tuning"].update(trials=trials))
    return made


def _point(attributes: dict[str, Any], files: dict[str, Path]) -> None:
    for table, path in files.items():
        declared = attributes["raw"][table]["source"]
        declared.pop("package")
        declared["path"] = str(path)
    for layer in ("cleaned", "features"):
        for table in attributes[layer].values():
            column = table["columns"].get("flight_number")
            if isinstance(column, dict) and "max" in column:
                column["max"] = HIGHEST
