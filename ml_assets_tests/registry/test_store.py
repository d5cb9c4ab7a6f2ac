from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import TrackingError
from ml_assets.registry import store
from ml_assets.registry.store import connected, prepare, prepare_early, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Iterator

PREPARE = (
    "import sys; from ml_assets.registry.store import prepare; print('go', flush=True); "
    "prepare(sys.argv[1])"
)


def path_of(tracking_uri: str) -> Path:
    path = sqlite_path(tracking_uri)
    assert path is not None
    return path


def start(tracking_uri: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, tracking_uri],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////data/mlflow.db", Path("/data/mlflow.db")),
        ("sqlite:///data/mlflow.db?timeout=3", Path("data/mlflow.db")),
        ("postgresql://host/mlflow", None),
        ("http://localhost:5000", None),
    ],
)
def test_only_a_sqlite_uri_has_a_path(uri: str, path: Path | None) -> None:
    assert sqlite_path(uri) == path


@pytest.mark.slow
def test_a_fresh_store_is_one_file_and_says_nothing(tmp_path: Path) -> None:
    process = start(f"sqlite:///{tmp_path}/new/mlflow.db")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output, errors) == (0, "go\n", "")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]


@pytest.mark.slow
def test_a_store_may_be_begun_early(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    process = prepare_early(uri)
    assert process is not None
    assert process.wait(timeout=120) == 0
    assert prepare_early(uri) is None
    with connected(uri) as client:
        assert [experiment.name for experiment in client.search_experiments()] == ["Default"]


@pytest.mark.slow
def test_two_processes_may_create_the_store_at_once(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    processes = [start(uri), start(uri)]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in processes] == [
        ("", 0),
        ("", 0),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("tenths", range(2, 40, 4))
def test_a_kill_while_creating_leaves_no_half_made_store(tmp_path: Path, tenths: int) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    process = start(uri)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(tenths / 10)
    process.kill()
    process.communicate()
    prepare(uri)


def test_a_locked_store_is_named_after_a_bounded_wait(
    tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.2)
    path = path_of(tracking_uri)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(TrackingError, match=f"{path} stayed locked by another process"):
            prepare(tracking_uri)
    assert time.monotonic() - begun < 5


def test_a_store_in_a_place_that_is_no_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match=r"cannot be written.*Make the file and its folder"):
        prepare(f"sqlite:///{tmp_path}/file/mlflow.db")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Act as `nobody` inside the block where the tests run as root, who may write everywhere."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_read_only_store_cannot_be_written(empty_store: Path, read_only: str) -> None:
    prepare(f"sqlite:///{empty_store}")  # Imports what `nobody` may not read.
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "mlflow.db"
        shutil.copy(empty_store, path)
        path.chmod(0o444 if read_only == "file" else 0o666)
        folder.chmod(0o777 if read_only == "file" else 0o555)
        with unprivileged(), pytest.raises(TrackingError, match=f"{path} cannot be written: "):
            prepare(f"sqlite:///{path}")
        folder.chmod(0o700)


def test_another_file_is_not_taken_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(TrackingError, match="is damaged or no SQLite file"):
        prepare(f"sqlite:///{tmp_path}/text.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE mine (x)")
    with pytest.raises(TrackingError, match="holds no MLflow store"):
        prepare(f"sqlite:///{tmp_path}/other.db")


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("ffffffffffff", "was written by a newer MLflow: its schema ffffffffffff is unknown"),
        ("451aebb31d03", r"has the schema 451aebb31d03, older than MLflow"),
    ],
)
def test_a_store_of_another_schema_says_which_way(
    tracking_uri: str, revision: str, message: str
) -> None:
    with closing(sqlite3.connect(path_of(tracking_uri), isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = ?", [revision])
    with pytest.raises(TrackingError, match=message), connected(tracking_uri) as client:
        client.search_experiments()


def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(TrackingError, match=r"refused at postgresql.*://me:\*\*\*@127.0.0.1:1/x"):
        prepare("postgresql+psycopg://me:secret@127.0.0.1:1/x")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("scheme", "module", "distribution"),
    [
        ("postgresql+psycopg2", "psycopg2", "psycopg2-binary"),
        ("mysql", "MySQLdb", "mysqlclient"),
        ("mysql+pymysql", "pymysql", "pymysql"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_what_brings_it(
    scheme: str, module: str, distribution: str
) -> None:
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    with pytest.raises(TrackingError) as found, connected(f"{scheme}://me:secret@127.0.0.1:1/x"):
        pass
    assert found.value.fact == (
        f"The driver of the MLflow store {scheme}://me:***@127.0.0.1:1/x cannot be imported:"
        f" No module named '{module}'."
    )
    assert f"`pip install '{distribution}'`" in found.value.hint


def test_a_driver_that_nobody_knows_is_told() -> None:
    with (
        pytest.raises(TrackingError, match=r"does not know: .*mysql\.notthere"),
        connected("mysql+notthere://me:secret@127.0.0.1:1/x"),
    ):
        pass


@pytest.mark.parametrize("error", [ValueError("mine"), ModuleNotFoundError("mine", name="mine")])
def test_an_error_of_the_caller_passes_unchanged(tracking_uri: str, error: Exception) -> None:
    with pytest.raises(type(error), match="mine"), connected(tracking_uri):
        raise error
