"""The pipeline as a user runs it, with a stopwatch on the functions between which time is split.

Run as `python -m benchmarks.traced run|loop|month <pipeline> <result file>`: all up to the model
and its metrics, as the floor does; the loop over it; or tables and loop of what is new.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.stopwatch import Stopwatch
from ml_assets.cli_shared import collect_seldom

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


def main(what: str, name: str, result: Path) -> None:
    """Run, then write seconds and CPU seconds per part."""
    collect_seldom()
    stopwatch = Stopwatch()
    stopwatch.attach()
    {
        "run": lambda: _materialize(name, *MODEL, tables=True),
        "loop": lambda: _loop(name, tables=False),
        "month": lambda: _loop(name, tables=True),
    }[what]()
    found = {"seconds": dict(stopwatch.seconds), "cpu": dict(stopwatch.cpu_seconds)}
    result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
