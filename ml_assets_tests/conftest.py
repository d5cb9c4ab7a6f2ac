"""Shared fixtures: a temporary data root, its lake, and the servers that some tests need."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import urllib.request
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.turn import file_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox

# Time limits per example say more about the machine than about the code.
hypothesis.settings.register_profile(
    "ml_assets", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("ml_assets")

LOOP = (
    "monitoring/reference",
    "monitoring/data_quality",
    "predictions/scores",
    "monitoring/days",
    "monitoring/drift",
    "monitoring/performance",
)
LONGEST = (
    "slow/test_whole_year",
    "pipelines/test_whole",
    "slow/test_servers",
    "slow/test_kill",
    "slow",
    "replay",
    "assets",
    "loop/test_machine",
    "backtest",
    "lineage",
    "automation",
)
"""Files and folders that take longest, the longest first."""
_TESTS = Path(__file__).parent
POSTGRES = os.environ.get("ML_ASSETS_TEST_POSTGRES", "host=127.0.0.1 user=postgres")
_CONFIGURED = (
    "ML_ASSETS_CATALOG",
    "ML_ASSETS_STORAGE",
    "ML_ASSETS_THREADS",
    "ML_ASSETS_MEMORY",
    "MLFLOW_TRACKING_URI",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
)


def absent(what: str) -> None:
    """Skip the test because `what` is not there; on CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must prove this")
    pytest.skip(what)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A fresh data root, also for processes that the test starts."""
    unset(monkeypatch)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ML_ASSETS_THREADS", "2")
    return Settings.from_environment()


@pytest.fixture
def lake(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The writable, empty lake `flights` of `settings`."""
    with connect("flights", settings) as con:
        yield con


@pytest.fixture
def postgres() -> Iterator[str]:
    """The connection string of an empty Postgres database, dropped afterwards."""
    import psycopg

    name = f"ml_assets_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(f"{POSTGRES} dbname=postgres connect_timeout=3", autocommit=True)
    except psycopg.OperationalError as error:
        absent(f"no PostgreSQL server at {POSTGRES!r}: {error}")
        return
    with server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{POSTGRES} dbname={name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The s3:// URL of an empty bucket on a local S3 server, with the AWS_* variables set."""
    try:
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        absent(f"no local S3 server: {error}")
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    create = urllib.request.Request(f"{values['AWS_ENDPOINT_URL']}/lake", method="PUT")
    urllib.request.urlopen(create, timeout=10).close()
    yield "s3://lake"
    server.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        absent(f"a small disk cannot be mounted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def shop_as_built(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The tiny pipeline with all its tables built; to read only."""
    from ml_assets_tests.sandbox import Sandbox
    from ml_assets_tests.shop import write_shop

    folder, _ = once(tmp_path_factory, "shop", lambda root: _build(write_shop(root)))
    return Sandbox(folder, "shop")


@pytest.fixture
def shop(
    shop_as_built: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Sandbox:
    """A copy of the tiny pipeline, built, to change at will; the environment points to it."""
    return _for_one_test(shop_as_built, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def sample_as_built(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The flights pipeline over a sample of its data, with all its tables built; to read only."""
    from ml_assets_tests.sample import write_sample
    from ml_assets_tests.sandbox import Sandbox

    folder, _ = once(tmp_path_factory, "sample", lambda root: _build(write_sample(root)))
    return Sandbox(folder, "flights")


@pytest.fixture
def sample(
    sample_as_built: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Sandbox:
    """A copy of the sampled flights, built, to change at will; the environment points to it."""
    return _for_one_test(sample_as_built, tmp_path, monkeypatch)


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]
) -> tuple[Path, str]:
    """Return a folder that one of the test processes makes for all, and what `make` said of it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, said = base / f"{name}_once", base / f"{name}_once.said"
    with file_turn(base / f"{name}_once.lock", name, "building a fixture", lambda text: None):
        if not said.exists():
            # Of a test process that failed to make it.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            said.write_text(make(folder))
    return folder, said.read_text()


def _build(box: Sandbox) -> str:
    from ml_assets_tests.sandbox import build_all

    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
    return box.name


def _for_one_test(box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    twin = box.copy(folder / "box")
    _point_to(twin, monkeypatch)
    return twin


@pytest.fixture(scope="session")
def finished(sample_as_built: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The sampled flights with version 1 trained, evaluated and promoted; to read only."""
    from ml_assets_tests.finished import write_small

    return _finish(sample_as_built, tmp_path_factory, "finished", write_small)


@pytest.fixture(scope="session")
def several_as_built(
    sample_as_built: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The same in three classes; to read only."""
    from ml_assets_tests.finished import write_several

    return _finish(sample_as_built, tmp_path_factory, "several", write_several)


@pytest.fixture(scope="session")
def monitored_as_built(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The finished flights, scored and looked at by every monitor; to read only."""

    def make(root: Path) -> str:
        with pytest.MonkeyPatch.context() as patch:
            twin = _copy(finished, root, patch)
            assert not twin.run(*LOOP, refresh=True)
        return finished.run_id

    folder, _ = once(tmp_path_factory, "monitored", make)
    return replace(finished, box=replace(finished.box, root=folder / "box"))


@pytest.fixture
def mine(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Finished:
    """A copy of the finished flights, to change at will; the environment points to it."""
    return _copy(finished, tmp_path, monkeypatch)


@pytest.fixture
def several(
    several_as_built: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Finished:
    """A copy of the flights in classes, to change at will; the environment points to it."""
    return _copy(several_as_built, tmp_path, monkeypatch)


@pytest.fixture
def monitored(
    monitored_as_built: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> Finished:
    """A copy of the monitored flights, to change at will; the environment points to it."""
    return _copy(monitored_as_built, tmp_path, monkeypatch)


def _finish(
    built: Sandbox,
    factory: pytest.TempPathFactory,
    name: str,
    write: Callable[[Sandbox], None],
) -> Finished:
    from ml_assets_tests.finished import Finished, finish
    from ml_assets_tests.sandbox import Sandbox

    def make(root: Path) -> str:
        box = built.copy(root / "box")
        write(box)
        with pytest.MonkeyPatch.context() as patch:
            # Whoever trains again on one thread must come to the same.
            _point_to(box, patch, threads=2)
            return finish(box).run_id

    folder, run_id = once(factory, name, make)
    return Finished(Sandbox(folder / "box", built.name), run_id)


def _copy(found: Finished, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Finished:
    twin = found.copy(folder / "box")
    _point_to(twin.box, monkeypatch)
    return twin


def unset(patch: pytest.MonkeyPatch) -> None:
    """Let the environment say nothing of where data is or what the machine may use."""
    for name in _CONFIGURED:
        patch.delenv(name, raising=False)


def _point_to(box: Sandbox, patch: pytest.MonkeyPatch, threads: int = 1) -> None:
    """Let the environment point to `box`; so few rows are not worth a second thread."""
    unset(patch)
    patch.chdir(box.root)
    for name, value in box.environment.items():
        patch.setenv(name, value)
    patch.setenv("ML_ASSETS_THREADS", str(threads))


def pytest_sessionstart() -> None:
    """Hear Ctrl-C, and let what tests start hear it: a shell makes its background deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let the garbage collector never again look through what was imported."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no process works on one alone at the end."""
    items.sort(key=lambda item: _rank(item.path.relative_to(_TESTS).as_posix()))


def _rank(file: str) -> int:
    return next((at for at, head in enumerate(LONGEST) if file.startswith(head)), len(LONGEST))
