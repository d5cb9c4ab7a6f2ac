"""A copy of the package in a folder of its own, with its own pipelines, run as users run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

import ml_assets

PACKAGE = Path(ml_assets.__file__).parent
REPOSITORY = PACKAGE.parent
SHOP = Path(__file__).parent / "shop"
ORDERS = """
    SELECT
        range::INTEGER AS id,
        TIMESTAMPTZ '2024-01-01 12:00:00+00' + to_hours(range) AS ordered_at,
        CASE WHEN range % 50 > 0 THEN ordered_at + to_hours((30 + hash(range) % 40)::BIGINT) END
            AS delivered_at,
        ['north', 'south', 'west'][(1 + hash(range + 7) % 3)::BIGINT] AS region,
        (hash(range + 13) % 1000) / 100 AS weight,
        CASE WHEN range % 50 > 0 THEN region = 'north' AND hash(range + 29) % 4 > 0
            OR weight > 8 AND hash(range + 31) % 2 = 0 END AS late
    FROM range(24 * 91 - 24)
"""
"""An order per hour of the first quarter of 2024: late in the north, or when heavy."""
UNSET = ("ML_ASSETS_CATALOG", "ML_ASSETS_STORAGE", "ML_ASSETS_MEMORY", "ML_ASSETS_NOW")


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything it said."""
        return self.out + self.err


@dataclass(frozen=True)
class Sandbox:
    """A working directory with the package, its pipelines, data and DAGSTER_HOME."""

    folder: Path

    @property
    def pipelines(self) -> Path:
        """The folder of the pipelines' folders."""
        return self.folder / "ml_assets" / "pipelines"

    @property
    def data(self) -> Path:
        """The data root."""
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which this package, and no other, is found."""
        given = {name: value for name, value in os.environ.items() if name not in UNSET}
        return {
            **given,
            "PYTHONPATH": str(self.folder),
            "DAGSTER_HOME": str(self.folder / ".dagster"),
            "ML_ASSETS_DATA": str(self.data),
            "ML_ASSETS_THREADS": "2",
            "COLUMNS": "200",
        }

    def add(self, name: str, origin: Path) -> Path:
        """Copy a pipeline's folder under another name; return the copy."""
        folder = self.pipelines / name
        shutil.copytree(origin, folder, ignore=shutil.ignore_patterns("__pycache__"))
        return folder

    def python(self, *arguments: str, **extra: str) -> Answer:
        """Run Python in the sandbox."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start Python in the sandbox, in a process group of its own; output goes to run.log."""
        with (self.folder / "run.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env={**self.environment, **extra},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def cli(self, *arguments: str, **extra: str) -> Answer:
        """Run `ml-assets`."""
        return self.python("-m", "ml_assets.cli", *arguments, **extra)

    def ask(self, script: str, *arguments: str) -> dict[str, Any]:
        """Run a script that prints JSON as its last line; return what it printed."""
        answer = self.python("-c", script, *arguments)
        assert answer.code == 0, answer.text
        found: dict[str, Any] = json.loads(answer.out.splitlines()[-1])
        return found


def make_sandbox(folder: Path) -> Sandbox:
    """Copy the package without its pipelines into `folder`, with a workspace and a home."""
    shutil.copytree(
        PACKAGE,
        folder / "ml_assets",
        ignore=lambda path, names: (
            [name for name in names if name != "__init__.py"]
            if Path(path).name == "pipelines"
            else [name for name in names if name == "__pycache__"]
        ),
    )
    shutil.copy(REPOSITORY / "workspace.yaml", folder)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    (folder / ".dagster").mkdir()
    shutil.copy(REPOSITORY / ".dagster" / "dagster.yaml", folder / ".dagster")
    return Sandbox(folder)


def write_orders(sandbox: Sandbox, changed: str = "*") -> None:
    """Write the orders of the shop; `changed` is a star expression that alters them."""
    target = sandbox.folder / "orders.csv"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY (SELECT {changed} FROM ({ORDERS})) TO '{target}' (HEADER)")


def shop_sandbox(folder: Path) -> Sandbox:
    """Return a sandbox with the small pipeline `shop` and its orders."""
    sandbox = make_sandbox(folder)
    sandbox.add("shop", SHOP)
    write_orders(sandbox)
    return sandbox


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Replace text that must be in the file."""
    text = path.read_text()
    for old, new in changes:
        assert old in text, f"{path} does not hold {old!r}"
        text = text.replace(old, new, 1)
    path.write_text(text)


LISTEN = """
import json, sys, traceback
from click.testing import CliRunner
import ml_assets.cli
answers = sys.stdout
for line in sys.stdin:
    done = CliRunner().invoke(ml_assets.cli.main, json.loads(line))
    ended = done.exc_info is None or isinstance(done.exc_info[1], SystemExit)
    trace = "" if ended else "".join(traceback.format_exception(*done.exc_info))
    print(json.dumps([done.exit_code, done.stdout, done.stderr + trace]), file=answers, flush=True)
"""


class Listener:
    """A process that runs one `ml-assets` command after the other and imports only once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", LISTEN],
            cwd=sandbox.folder,
            env=sandbox.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> Answer:
        """Run `ml-assets` with `arguments`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return Answer(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)
