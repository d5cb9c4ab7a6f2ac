"""What Dagster recorded of the newest run: seconds per asset, the model's hash and metrics.

Run as `python -m benchmarks.recorded <pipeline> <result file>` after the run was measured: to ask
Dagster for it takes seconds that a user's run does not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dagster as dg


def main(name: str, result: Path) -> None:
    """Write what is recorded of the newest run."""
    with dg.DagsterInstance.get() as instance:
        found = {"assets": _steps(name, instance), **_model(name, instance)}
    result.write_text(json.dumps(found), encoding="utf-8")


def _steps(name: str, instance: dg.DagsterInstance) -> dict[str, float]:
    run = instance.get_runs(limit=1)[0]
    return {
        stats.step_key.removeprefix(f"{name}__").replace("__", "."): stats.end_time
        - stats.start_time
        for stats in instance.get_run_step_stats(run.run_id)
        if stats.start_time is not None and stats.end_time is not None
    }


def _model(name: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for asset in ("model", "evaluation"):
        event = instance.get_latest_materialization_event(dg.AssetKey([name, asset]))
        materialized = event.asset_materialization if event is not None else None
        if materialized is not None:
            found |= {name: item.value for name, item in materialized.metadata.items()}
    return {"hash": found["model_hash"], "metrics": {"auc": found["lightgbm auc"]}}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
