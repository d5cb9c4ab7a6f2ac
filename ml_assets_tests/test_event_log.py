"""The event log that commits batches at once, beside the one that comes with Dagster."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from ml_assets.event_log import BATCH, SqliteEventLog

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = {
    "telemetry": {"enabled": False},
    "event_log_storage": {"module": "ml_assets.event_log", "class": "SqliteEventLog"},
}
STOCK = {"telemetry": {"enabled": False}}
FLIGHTS, FEATURES = dg.AssetKey("flights"), dg.AssetKey("features")
MONTHS = dg.StaticPartitionsDefinition(["01", "02", "03"])
EACH_RUN = """
import sys
from pathlib import Path
import dagster as dg
from ml_assets_tests.test_event_log import OURS, opened, run
with opened(Path(sys.argv[1]), OURS) as instance:
    for _ in range(3):
        run(instance)
"""


@contextmanager
def opened(home: Path, config: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    """Open the instance in a folder."""
    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home), overrides=config) as instance:
        yield instance


def definitions() -> dg.Definitions:
    """Return two tables by month and a check."""
    kept: Any = {"partitions_def": MONTHS, "backfill_policy": dg.BackfillPolicy.single_run()}

    @dg.asset(key=FLIGHTS, **kept)  # type: ignore[untyped-decorator]
    def flights() -> None: ...

    @dg.asset(key=FEATURES, deps=[FLIGHTS], **kept)  # type: ignore[untyped-decorator]
    def features() -> None: ...

    @dg.asset_check(asset=flights)
    def whole() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    jobs = [dg.define_asset_job("job")]
    executor = dg.in_process_executor
    return dg.Definitions([flights, features], asset_checks=[whole], jobs=jobs, executor=executor)


def run(instance: dg.DagsterInstance) -> str:
    """Materialize all months in one run; return its id."""
    tags = {"dagster/asset_partition_range_start": "01", "dagster/asset_partition_range_end": "03"}
    job = definitions().resolve_job_def("job")
    result = job.execute_in_process(instance=instance, tags=tags)
    assert result.success
    return result.run_id


def told(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """Return what a reader of the instance learns of a run."""
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]
    return {
        "events": [(event.event_type_value, event.step_key, event.partition) for event in events],
        "materialized": {
            key.to_user_string(): sorted(instance.get_materialized_partitions(key))
            for key in (FLIGHTS, FEATURES)
        },
        "checks": [
            record.status.value
            for record in instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(FLIGHTS, "whole"), limit=10
            )
        ],
    }


@pytest.mark.slow
def test_it_tells_what_the_stock_one_tells(tmp_path: Path) -> None:
    with opened(tmp_path / "stock", STOCK) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        expected = told(instance, run(instance))
    with opened(tmp_path / "ours", OURS) as instance:
        assert isinstance(instance.event_log_storage, SqliteEventLog)
        assert int(os.environ[BATCH]) > 1
        assert told(instance, run(instance)) == expected
    assert expected["materialized"]["flights"] == ["01", "02", "03"]
    planned = [each for each in expected["events"] if each[0] == "ASSET_MATERIALIZATION_PLANNED"]
    assert len(planned) == 2 * 3
    assert expected["checks"] == ["SUCCEEDED"]


def test_either_reads_what_the_other_wrote(tmp_path: Path) -> None:
    with opened(tmp_path / "home", OURS) as instance:
        first = run(instance)
        expected = told(instance, first)
    with opened(tmp_path / "home", STOCK) as instance:
        assert told(instance, first) == expected
        second = run(instance)
        expected = told(instance, second)
    with opened(tmp_path / "home", OURS) as instance:
        assert told(instance, second) == expected


def test_no_two_partitions_of_an_asset_share_the_millisecond_by_which_the_ui_lists_them(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "home", OURS) as instance:
        run(instance)
        records = instance.fetch_materializations(FLIGHTS, limit=10).records
    moments = [int(record.timestamp * 1000) for record in records]
    assert moments == sorted(set(moments), reverse=True)
    assert {record.partition_key for record in records} == {"01", "02", "03"}


def test_a_batch_with_a_fault_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "home", OURS) as instance:
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        run_id = run(instance)
        stored = instance.all_logs(run_id, of_type=kind)
        count = len(stored)
        assert count == 6
        (ended,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_SUCCESS)
        never: Any = "never"
        broken = ended._replace(timestamp=never)
        with pytest.raises(TypeError):
            instance.event_log_storage.store_event_batch([*stored, broken, ended])
        assert len(instance.all_logs(run_id, of_type=kind)) == count
        instance.event_log_storage.store_event_batch(stored)
        assert len(instance.all_logs(run_id, of_type=kind)) == 2 * count


def test_an_event_is_in_its_file_and_not_in_a_log_that_no_commit_syncs(tmp_path: Path) -> None:
    with opened(tmp_path / "home", OURS) as instance:
        run_id = run(instance)
        files = {path.name for path in (tmp_path / "home").rglob("*.db*")}
    assert {f"{run_id}.db", "index.db"} <= files
    assert not {f"{name}-wal" for name in (f"{run_id}.db", "index.db")} & files


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "home", OURS):
        pass
    command = [sys.executable, "-c", EACH_RUN, str(tmp_path / "home")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [each.wait(120) for each in processes] == [0, 0, 0]
    with opened(tmp_path / "home", OURS) as instance:
        runs = instance.get_runs()
        assert len(runs) == 9
        one, *others = [
            [entry.get_dagster_event().event_type_value for entry in instance.all_logs(each.run_id)]
            for each in runs
        ]
        assert all(sorted(other) == sorted(one) for other in others)
        records = instance.fetch_materializations(FLIGHTS, limit=100).records
        assert len(records) == 9 * 3
