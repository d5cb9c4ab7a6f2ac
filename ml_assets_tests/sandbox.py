"""Pipelines of the tests' own: a folder to change at will, built in a lake of its own."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ml_assets.component.folder import load_folder
from ml_assets.folders import PIPELINES, pipeline_folders
from ml_assets.tables import load
from ml_assets.tables.build import build_window
from ml_assets.tables.plan import Step, Stored, plan
from ml_assets.tables.sources import fingerprints
from ml_assets.tables.stretches import build_together, driving_rows
from ml_assets.tables.visibility import slice_keys
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.built import Built
    from ml_assets.tables.partitions import Window
    from ml_assets.tables.pipeline import Node, Pipeline

RUN = "a run"
FOLDERS = pipeline_folders()
"""The repository's pipelines; the code location is not imported for them."""


def example(name: str) -> Path:
    """Return the folder of one of the repository's pipelines.

    Where it is not, the test that asks is skipped, or the module.
    """
    folder = PIPELINES / name
    if folder not in FOLDERS:
        pytest.skip(f"pipelines/{name} is not here", allow_module_level=True)
    return folder


@dataclass(frozen=True)
class Sandbox:
    """A pipeline's folder, the files its raw tables come from, and its data root.

    The files' paths are relative, so that a copy is up to date: work in `root`.
    """

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        """The pipeline's folder."""
        return self.root / "pipelines" / self.name

    @property
    def sources(self) -> Path:
        """The folder with one CSV per raw table."""
        return self.root / "sources"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point to the data root."""
        return {"ML_ASSETS_DATA": str(self.root / "data"), "ML_ASSETS_THREADS": "2"}

    @property
    def settings(self) -> Settings:
        """Where the data is."""
        return Settings.from_environment(self.environment)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline as its folder declares it now."""
        return load_folder(self.folder)

    def copy(self, root: Path) -> Sandbox:
        """Return a copy under `root`, with all that was built."""
        shutil.copytree(self.root, root, dirs_exist_ok=True, copy_function=_copy_file)
        return Sandbox(root, self.name)

    def declare(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Apply `change` to the attributes in defs.yaml."""
        path = self.folder / "defs.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document["attributes"])
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def replace(self, table: str, old: str, new: str) -> None:
        """Replace the one `old` in the SELECT of `layer.table`."""
        path = self.sql(table)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def sql(self, table: str) -> Path:
        """Return the file with the SELECT of `layer.table`."""
        return self.folder / f"{table.replace('.', '/')}.sql"

    def source(self, table: str) -> Path:
        """Return the CSV that raw.`table` is loaded from."""
        return self.sources / f"{table}.csv"

    def edit(self, table: str, change: Callable[[list[str]], list[str]]) -> None:
        """Apply `change` to the lines of raw.`table`'s CSV, the header first."""
        path = self.source(table)
        lines = change(path.read_text(encoding="utf-8").splitlines())
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @contextmanager
    def lake(self) -> Iterator[DuckDBPyConnection]:
        """Connect to the lake."""
        with connect(self.name, self.settings) as con:
            yield con


def _copy_file(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        # SQLite removes them when another test's process closes the database that both read.
        if not source.endswith(("-shm", "-wal")):
            raise


def copied(folder: Path, root: Path, name: str | None = None) -> Sandbox:
    """Return a sandbox of the pipeline in `folder`; its sources are still to be written."""
    box = Sandbox(root, name or folder.name)
    shutil.copytree(folder, box.folder, ignore=shutil.ignore_patterns("__pycache__"))
    box.sources.mkdir()
    box.declare(_point_to_sources)
    return box


def _point_to_sources(declared: dict[str, Any]) -> None:
    for table, raw in declared["raw"].items():
        nulls = raw["source"].get("nulls", "")
        raw["source"] = {"kind": "files", "path": f"sources/{table}.csv", "nulls": nulls}


def ignore_waiting(message: str) -> None:
    """Take what a build says while another writer is in its way."""


def keys_of(pipeline: Pipeline, node: Node) -> list[str | None]:
    """Return the keys of all slices of `node`."""
    return slice_keys(pipeline, node)


def build(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    node: Node,
    keys: Sequence[str | None] | None = None,
    *,
    apart: bool = False,
) -> list[Built]:
    """Build slices of one table, all of them by default, neighbours together unless `apart`."""
    keys = keys_of(pipeline, node) if keys is None else keys
    if node.layer == "raw":
        loading = load.read_source(con, pipeline, node)
        rows: dict[str, int] | None = {}

        def one(window: Window | None) -> list[Built]:
            return load.store_window(
                con, pipeline, loading, window, run_id=RUN, on_wait=ignore_waiting
            )
    else:
        rows = driving_rows(pipeline, node, Stored(ledger.current(con, pipeline.name)))

        def one(window: Window | None) -> list[Built]:
            return build_window(con, pipeline, node, window, run_id=RUN, on_wait=ignore_waiting)

    stretches = build_together(pipeline, keys, None if apart else rows, one)
    return [built for stretch in stretches for built in stretch]


def build_all(con: DuckDBPyConnection, pipeline: Pipeline) -> None:
    """Build every slice of every table."""
    for node in pipeline.ordered:
        build(con, pipeline, node)


def planned(con: DuckDBPyConnection, pipeline: Pipeline) -> list[Step]:
    """Return what a refresh would build."""
    stored = Stored(ledger.current(con, pipeline.name))
    return plan(pipeline, stored, fingerprints(pipeline))


def refresh(con: DuckDBPyConnection, pipeline: Pipeline) -> list[tuple[str, str | None]]:
    """Build what the plan names, slice by slice; return the slices that were built."""
    built = []
    for node in pipeline.ordered:
        keys = [step.partition for step in planned(con, pipeline) if step.node.name == node.name]
        if keys:
            build(con, pipeline, node, keys)
        built += [(node.dotted, key) for key in keys]
    return built


def contents(con: DuckDBPyConnection, pipeline: Pipeline, *layers: str) -> dict[str, str]:
    """Return the content hash of each table's own columns, by `layer.table`."""
    return {
        node.dotted: content_hash(con, f"FROM {pipeline.name}.{node.dotted}", list(node.types))
        for node in pipeline.ordered
        if not layers or node.layer in layers
    }
