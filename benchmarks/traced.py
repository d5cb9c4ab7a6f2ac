"""The pipeline as a user runs it, with a stopwatch on the functions between which time is split.

Run as `python -m benchmarks.traced run|tables <result file>`.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import dagster as dg

PIPELINE = "flights"
P = ParamSpec("P")
R = TypeVar("R")

PARTS = {
    "read the sources": ["tables.load.read_source"],
    "SELECTs and contracts": ["tables.build._run_select"],
    "accounting": [
        "tables.account.account_slice",
        "tables.account.count_rows",
        "tables.load._account",
        "tables.load._check",
    ],
    "write Parquet": ["tables.store._replace"],
    "content hash": ["warehouse.slices.content_hash"],
    "ledger": ["warehouse.ledger.current", "warehouse.ledger.record"],
    "commit": ["warehouse.commit._transaction"],
    "time travel": ["tables.time_travel.travel"],
    "read the training set": ["assets.train.read_at"],
    "tune": ["ml.tune.tune"],
    "train": ["ml.boost.train"],
    "baselines": ["ml.baselines.fit"],
    "evaluate": ["ml.evaluate.evaluate"],
    "MLflow": [
        f"registry.{name}"
        for name in (
            "store.prepare",
            "tracking._start",
            "tracking.log",
            "tracking.log_input",
            "tracking.log_metrics",
            "tracking.log_text",
            "package.log_model",
            "package.log_baselines",
            "package.load_native",
            "package.load_baselines",
            "record.log_record",
            "record.read_record",
            "versions.register",
            "versions.versions",
            "versions.assign_alias",
        )
    ],
    "report": ["reports.report.render"],
}


class Stopwatch:
    """Seconds per part; within nested parts, time counts for the innermost."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    def attach(self) -> None:
        """Put the stopwatch around every function of PARTS, wherever it was imported."""
        modules = _modules()
        for part, names in PARTS.items():
            for name in names:
                module, _, function = f"ml_assets.{name}".rpartition(".")
                original = getattr(importlib.import_module(module), function)
                timed = self._timed(part, original)
                for other in modules:
                    for known, value in list(vars(other).items()):
                        if value is original:
                            setattr(other, known, timed)

    def _timed(self, part: str, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            self._switch()
            self._open.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._open.pop()

        return timed

    def _switch(self) -> None:
        now = time.monotonic()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def _modules() -> list[Any]:
    package = importlib.import_module("ml_assets")
    names = [
        info.name
        for info in pkgutil.walk_packages(package.__path__, "ml_assets.")
        if not info.name.startswith("ml_assets.pipelines")
    ]
    return [importlib.import_module(name) for name in names]


def _run() -> None:
    from ml_assets.cli import main

    main(["run", PIPELINE], standalone_mode=False)


def _tables() -> None:
    import dagster as dg

    from ml_assets.automation.launch import run_job
    from ml_assets.component.pipeline import load_folder
    from ml_assets.definitions import PIPELINES, defs

    pipeline = load_folder(PIPELINES / PIPELINE)
    with dg.DagsterInstance.get() as instance:
        if not run_job(defs, pipeline, f"{PIPELINE}_refresh", instance).success:
            sys.exit(1)


def _steps(instance: dg.DagsterInstance) -> dict[str, float]:
    """Return the seconds of each asset in the newest run."""
    run = instance.get_runs(limit=1)[0]
    return {
        stats.step_key.removeprefix(f"{PIPELINE}__").replace("__", "."): stats.end_time
        - stats.start_time
        for stats in instance.get_run_step_stats(run.run_id)
        if stats.start_time is not None and stats.end_time is not None
    }


def main(what: str, result: Path) -> None:
    """Run, then write the model's hash and metrics, seconds per part and per asset."""
    import dagster as dg

    stopwatch = Stopwatch()
    stopwatch.attach()
    {"run": _run, "tables": _tables}[what]()
    with dg.DagsterInstance.get() as instance:
        found = {"seconds": dict(stopwatch.seconds), "assets": _steps(instance)}
        if what == "run":
            found |= _model(instance)
    result.write_text(json.dumps(found), encoding="utf-8")


def _model(instance: dg.DagsterInstance) -> dict[str, Any]:
    import dagster as dg

    found: dict[str, Any] = {}
    for asset in ("model", "evaluation"):
        event = instance.get_latest_materialization_event(dg.AssetKey([PIPELINE, asset]))
        materialized = event.asset_materialization if event is not None else None
        if materialized is not None:
            found |= {name: item.value for name, item in materialized.metadata.items()}
    return {"hash": found["model_hash"], "metrics": {"auc": found["lightgbm auc"]}}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
