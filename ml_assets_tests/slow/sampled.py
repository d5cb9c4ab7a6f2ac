"""The sampled flights in a package of their own, and what must be true of what a run leaves."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from ml_assets.component.folder import load_folder
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash
from ml_assets_tests.automation.sandbox import Sandbox, make_sandbox
from ml_assets_tests.sample import write_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "flights"
KILLS = int(os.environ.get("KILLS", "2"))
"""Kills per proof; a few each time, at other moments with more of them."""
State = dict[tuple[str, str | None], str]
"""Table and partition to the hash of what is stored."""


def flights_sandbox(folder: Path) -> Sandbox:
    """Return a sandbox with the sampled flights."""
    (folder / "sample").mkdir()
    (folder / "checkout").mkdir()
    box = write_sample(folder / "sample")
    sandbox = make_sandbox(folder / "checkout")
    sandbox.add(NAME, box.folder)
    shutil.copytree(box.sources, sandbox.folder / "sources")
    return sandbox


def change_flights(sandbox: Sandbox, minutes: int) -> None:
    """Let some flights of every month arrive later, so that nearly all has to be rebuilt."""
    path = sandbox.folder / "sources" / "flights.csv"
    with duckdb.connect() as con:
        con.execute(
            f"CREATE TABLE flights AS FROM read_csv('{path}', all_varchar = true, nullstr = 'NA')"
        )
        con.execute(
            "UPDATE flights SET arr_delay = arr_delay::INTEGER + ?"
            " WHERE carrier = 'WN' AND arr_delay IS NOT NULL",
            [minutes],
        )
        con.execute(f"COPY flights TO '{path}.new' (HEADER, NULLSTR 'NA')")
    (path.parent / f"{path.name}.new").replace(path)


def settings_of(sandbox: Sandbox) -> Settings:
    """Return where the sandbox's data is."""
    return Settings.from_environment(sandbox.environment)


@contextmanager
def instance_of(sandbox: Sandbox) -> Iterator[dg.DagsterInstance]:
    """Open the sandbox's Dagster instance."""
    with dg.DagsterInstance.from_config(str(sandbox.folder / ".dagster")) as instance:
        yield instance


def stored(sandbox: Sandbox) -> State:
    """Return every slice's hash as the ledger has it, after proving that its rows have it too."""
    settings, found = settings_of(sandbox), State()
    if not settings.data.joinpath("lake", f"{NAME}.sqlite").exists():
        return found
    pipeline = load_folder(sandbox.pipelines / NAME)
    with connect(NAME, settings) as con:
        slices = {(one.table, one.partition): one for one in ledger.current(con, NAME)}
        for node in pipeline.ordered:
            keys = pipeline.partitions.keys() if node.partitioned else [None]
            for key in keys:
                known = slices.get((node.dotted, key))
                count, digest = _content(con, node.dotted, list(node.types), key)
                if known is None:
                    assert count == 0, f"{node.dotted} {key} holds rows that no ledger knows"
                else:
                    assert digest == known.data_version, f"{node.dotted} {key} is torn"
                    found[node.dotted, key] = digest
    return found


def _content(
    con: duckdb.DuckDBPyConnection, table: str, columns: list[str], key: str | None
) -> tuple[int, str]:
    where = "IS NULL" if key is None else f"= '{key}'"
    rows = f"FROM {NAME}.{table} WHERE _partition {where}"
    try:
        count = con.execute(f"SELECT count(*) {rows}").fetchone()
    except duckdb.CatalogException:
        return 0, ""
    return (count or (0,))[0], content_hash(con, rows, columns)


def unfinished(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs that are not marked as over."""
    return [run for run in instance.get_runs() if not run.is_finished]


def moments(count: int, longest: float, seed: int) -> list[float]:
    """Return `count` random delays in seconds, spread over a run's whole life."""
    generator = random.Random(seed)
    step = longest / count
    found = [step * (number + generator.random()) for number in range(count)]
    generator.shuffle(found)
    return found
