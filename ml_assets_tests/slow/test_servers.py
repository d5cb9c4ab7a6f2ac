"""`ml-assets ui` as a user starts it, driven through Dagster's GraphQL as the page drives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets_tests.automation.sandbox import SHOP, Sandbox, shop_sandbox, write_orders
from ml_assets_tests.slow.sampled import flights_sandbox, instance_of, stored, unfinished

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

MONTHS = ["2024-01", "2024-02", "2024-03"]
WHERE = {"repositoryLocationName": "ml_assets", "repositoryName": "__repository__"}
BACKFILL = """mutation($given: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $given) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
LAUNCH = """mutation($given: ExecutionParams!) {
  launchRun(executionParams: $given) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = """query($given: RunsFilter!) {
  runsOrError(filter: $given) { ... on Runs { results {
    runId status tags { key value } assetSelection { path } } } } }"""
SCHEDULES = """query($given: RepositorySelector!) {
  schedulesOrError(repositorySelector: $given) { ... on Schedules { results {
    name cronSchedule executionTimezone scheduleState { status } } } } }"""
ASSETS = """query { assetNodes { assetKey { path } groupName kinds owners {
  ... on TeamAssetOwner { team } } hasAssetChecks } }"""


@dataclass(frozen=True)
class Servers:
    """A running `ml-assets ui`."""

    sandbox: Sandbox
    process: subprocess.Popen[str]
    port: int
    mlflow_port: int

    def ask(self, query: str, given: object = None) -> dict[str, Any]:
        """Return what GraphQL answers."""
        body = json.dumps({"query": query, "variables": {"given": given}}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    def launch(self, pipeline: str, job: str, first: str, last: str) -> str:
        """Launch a job over a range of partitions; return the run's id."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        }
        launched = self.ask(
            LAUNCH,
            {
                "selector": {**WHERE, "jobName": f"{pipeline}_{job}"},
                "executionMetadata": {
                    "tags": [{"key": key, "value": value} for key, value in tags.items()]
                },
            },
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def ended(self, run_ids: list[str]) -> dict[str, str]:
        """Wait until the runs are over; return their states."""

        def states() -> dict[str, str]:
            found = self.ask(RUNS, {"runIds": run_ids})["runsOrError"]["results"]
            return {run["runId"]: run["status"] for run in found}

        wait(lambda: {*states().values()} <= {"SUCCESS", "FAILURE", "CANCELED"}, 300)
        return states()


def wait(ready: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def start(sandbox: Sandbox) -> Servers:
    port, mlflow_port = free_port(), free_port()
    (sandbox.folder / "run.log").write_text("")
    process = sandbox.start(
        *("-m", "ml_assets.cli", "ui", "--port", str(port), "--mlflow-port", str(mlflow_port))
    )
    servers = Servers(sandbox, process, port, mlflow_port)

    def up() -> bool:
        assert process.poll() is None, (sandbox.folder / "run.log").read_text()
        return answers(port, "/server_info") and answers(mlflow_port, "/health")

    wait(up, 120)
    return servers


def processes(sandbox: Sandbox) -> dict[int, str]:
    """Return the command lines of all processes that work in the sandbox, by their numbers."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if Path(entry.path, "cwd").readlink() == sandbox.folder:
                    line = Path(entry.path, "cmdline").read_text().replace("\0", " ").strip()
                    found[int(entry.name)] = line
            except OSError:
                continue
    return {number: line for number, line in found.items() if line}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = flights_sandbox(tmp_path_factory.mktemp("servers").resolve())
    sandbox.add("shop", SHOP)
    write_orders(sandbox)
    return sandbox


@pytest.fixture(scope="module")
def servers(sandbox: Sandbox) -> Iterator[Servers]:
    found = start(sandbox)
    yield found
    found.process.send_signal(signal.SIGINT)
    assert found.process.wait(timeout=90) == 0
    wait(lambda: not processes(sandbox), 10)


def test_both_pages_are_told_and_bound_to_this_machine_only(servers: Servers) -> None:
    told = (servers.sandbox.folder / "run.log").read_text()
    for port in (servers.port, servers.mlflow_port):
        assert f"http://127.0.0.1:{port}" in told
        assert bound(port) == {"0100007F"}


def bound(port: int) -> set[str]:
    """Return the addresses that listen on `port`, as the kernel writes them."""
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")
    }


def test_the_page_shows_every_asset_in_its_group(servers: Servers) -> None:
    nodes = servers.ask(ASSETS)["assetNodes"]
    shop = {
        tuple(node["assetKey"]["path"][1:]): node for node in nodes if node["groupName"] == "shop"
    }
    assert ("features", "orders") in shop
    assert shop["features", "orders"]["hasAssetChecks"]
    assert shop["raw", "orders"]["owners"] == [{"team": "shop"}]
    assert {node["groupName"] for node in nodes} == {"flights", "shop"}


def test_the_schedules_are_as_declared(servers: Servers) -> None:
    found = servers.ask(SCHEDULES, WHERE)["schedulesOrError"]["results"]
    # Both histories are closed: there is nothing to refresh and nothing new to decide upon.
    assert {one["name"]: one["scheduleState"]["status"] for one in found} == {
        f"{pipeline}_{job}": "STOPPED"
        for pipeline in ("flights", "shop")
        for job in ("refresh", "decide")
    }


def test_a_backfill_over_months_is_one_run(servers: Servers) -> None:
    paths = [["raw", "orders"], ["cleaned", "orders"], ["cleaned", "deliveries"]]
    launched = servers.ask(
        BACKFILL,
        {
            "assetSelection": [{"path": ["shop", *path]} for path in paths],
            "partitionNames": MONTHS,
        },
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    tag = {"key": "dagster/backfill", "value": launched["backfillId"]}

    def runs() -> list[Any]:
        found: list[Any] = servers.ask(RUNS, {"tags": [tag]})["runsOrError"]["results"]
        return found

    wait(runs, 90)
    [run] = runs()
    assert servers.ended([run["runId"]]) == {run["runId"]: "SUCCESS"}
    assert len(runs()) == 1
    assert sorted(one["path"][1:] for one in run["assetSelection"]) == sorted(paths)
    told = servers.sandbox.cli(
        "sql", "shop", "SELECT count(*), count(DISTINCT _partition) FROM cleaned.orders"
    )
    assert "2160" in told.out
    assert "3" in told.out


def test_two_runs_launched_at_once_both_succeed(servers: Servers) -> None:
    both = [servers.launch("flights", "pipeline", "2013-01", "2013-03") for _ in range(2)]
    assert {*servers.ended(both).values()} == {"SUCCESS"}
    assert len(stored(servers.sandbox)) > 30
    # The sensor may have a retraining of its own on the way.
    with instance_of(servers.sandbox) as instance:
        wait(lambda: unfinished(instance) == [], 300)
        assert list((servers.sandbox.data / "runs").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_everything_it_started(tmp_path: Path, number: signal.Signals) -> None:
    sandbox = shop_sandbox(tmp_path.resolve())
    servers = start(sandbox)
    assert len(processes(sandbox)) > 3
    # The terminal sends its signal to every process in the foreground.
    os.killpg(servers.process.pid, number)
    assert servers.process.wait(timeout=90) == 0
    wait(lambda: not processes(sandbox), 10)
    assert not answers(servers.port, "/server_info")


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    sandbox = shop_sandbox(tmp_path.resolve())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = sandbox.cli("ui", "--port", str(port))
    assert answer.code == 1
    assert f"Error: Port {port} is taken" in answer.err
    assert "--port" in answer.err
    assert "Traceback" not in answer.err
