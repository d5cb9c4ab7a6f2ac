"""The pipeline as a user runs it, with a stopwatch on the functions between which time is split.

Run as `python -m benchmarks.traced run|loop|month|tables <pipeline> <result file>`: all up to the
model and its metrics, as the floor does; the loop over it; tables and loop of what is new; or
tables only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.stopwatch import Stopwatch
from ml_assets.cli_shared import collect_seldom

if TYPE_CHECKING:
    import dagster as dg

MODEL = (("training_set",), ("model",), ("evaluation",), ("promotion",))


def _materialize(name: str, *selected: tuple[str, ...], tables: bool) -> None:
    import dagster as dg

    from ml_assets.automation.launch import run_job
    from ml_assets.automation.reach import refresh_tags
    from ml_assets.component.folder import load_folder
    from ml_assets.component.location import definitions
    from ml_assets.folders import PIPELINES
    from ml_assets.registry.store import prepare_early
    from ml_assets.warehouse.settings import Settings

    pipeline = load_folder(PIPELINES / name)
    names = [*([node.name for node in pipeline.ordered] if tables else []), *selected]
    keys = [dg.AssetKey([name, *parts]) for parts in names]
    # As a run does: a new MLflow store is made while the tables are built.
    settings = Settings.from_environment()
    early = prepare_early(settings.tracking_uri)
    span = refresh_tags(pipeline, settings)
    defs = definitions([PIPELINES / name])
    with dg.DagsterInstance.get() as instance:
        if not run_job(defs, f"{name}_pipeline", instance, keys, span).success:
            sys.exit(1)
    if early is not None:
        # Only the CPU time of a process that was waited for is counted.
        early.wait()


def _loop(name: str, *, tables: bool) -> None:
    from ml_assets.assets.reference import REFERENCE
    from ml_assets.automation.jobs import LOOP

    _materialize(name, REFERENCE, *LOOP, tables=tables)


def _steps(name: str, instance: dg.DagsterInstance) -> dict[str, float]:
    """Return the seconds of each asset in the newest run."""
    run = instance.get_runs(limit=1)[0]
    return {
        stats.step_key.removeprefix(f"{name}__").replace("__", "."): stats.end_time
        - stats.start_time
        for stats in instance.get_run_step_stats(run.run_id)
        if stats.start_time is not None and stats.end_time is not None
    }


def main(what: str, name: str, result: Path) -> None:
    """Run, then write the model's hash and metrics, seconds per part and per asset."""
    import dagster as dg

    collect_seldom()
    stopwatch = Stopwatch()
    stopwatch.attach()
    {
        "run": lambda: _materialize(name, *MODEL, tables=True),
        "loop": lambda: _loop(name, tables=False),
        "month": lambda: _loop(name, tables=True),
        "tables": lambda: _materialize(name, tables=True),
    }[what]()
    with dg.DagsterInstance.get() as instance:
        found = {
            "seconds": dict(stopwatch.seconds),
            "cpu": dict(stopwatch.cpu_seconds),
            "assets": _steps(name, instance),
        }
        if what == "run":
            found |= _model(name, instance)
    result.write_text(json.dumps(found), encoding="utf-8")


def _model(name: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    import dagster as dg

    found: dict[str, Any] = {}
    for asset in ("model", "evaluation"):
        event = instance.get_latest_materialization_event(dg.AssetKey([name, asset]))
        materialized = event.asset_materialization if event is not None else None
        if materialized is not None:
            found |= {name: item.value for name, item in materialized.metadata.items()}
    return {"hash": found["model_hash"], "metrics": {"auc": found["lightgbm auc"]}}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
