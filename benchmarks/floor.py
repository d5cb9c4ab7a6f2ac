"""The floor: raw files to metrics in one plain script, with the pipeline's SQL and training.

No Dagster, no lake, no MLflow, no checks: files are read by `read_csv` with the declared types, and
every SELECT runs once over the whole history.
Run as `python -m benchmarks.floor run|month <folder of the pipeline> <result file>`: all up to the
metrics; or all partitions but the last, then this one with its scores, statistics and decision.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import yaml

from benchmarks.floor_tables import FloorTables
from ml_assets.ml import fit, split
from ml_assets.ml.declared import metric_columns
from ml_assets.ml.evaluate import evaluate
from ml_assets.sql.names import literal, quote
from ml_assets.tables import folder
from ml_assets.tables.declaration import Declaration
from ml_assets.tables.metrics import declared_metrics
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import training_sql
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from ml_assets.ml.fit import Fitted
    from ml_assets.tables.pipeline import Pipeline


class Floor:
    """One run of the script, with the wall and CPU seconds of each part."""

    def __init__(self, path: Path) -> None:
        self.pipeline = read(path)
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.con = duckdb.connect(config={"threads": Settings.from_environment().threads})
        zone = literal(self.pipeline.declaration.time_zone)
        self.con.execute(
            f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS {quote(self.pipeline.name)};"
            f" USE {quote(self.pipeline.name)}; SET VARIABLE time_zone = {zone};"
            " SET VARIABLE slice_start = CAST('-infinity' AS TIMESTAMPTZ);"
            " SET VARIABLE slice_end = CAST('infinity' AS TIMESTAMPTZ)"
        )
        self.tables = FloorTables(self.con, self.pipeline)

    def run(self) -> dict[str, object]:
        """Return the model's hash, its metrics and the seconds of each part."""
        self.build(self.pipeline.partitions.keys())
        with self.timed("training set"):
            table, digest = self.training_set()
        self.con.close()
        fitted = self.fit(table)
        found = {**self._measured(fitted, table), "training_set": digest}
        return {**found, "seconds": self.seconds, "cpu": self.cpu_seconds}

    def build(self, keys: list[str]) -> None:
        """Build every table over the partitions `keys`."""
        for node in self.pipeline.ordered:
            with self.timed(node.layer):
                self.tables.build(node, keys)

    def training_set(self) -> tuple[pa.Table, str]:
        """Return the rows to learn from, and the hash of their content."""
        names = feature_names(self.pipeline)
        names += metric_columns(declared_metrics(self.pipeline), names)
        table = self.con.execute(
            training_sql(self.pipeline, datetime.now(UTC), names)
        ).to_arrow_table()
        self.con.register("training_rows", table)
        return table, content_hash(self.con, "FROM training_rows", table.column_names)

    def fit(self, table: pa.Table) -> Fitted:
        """Tune and train as declared."""
        model, names = self.pipeline.declaration.model, feature_names(self.pipeline)
        windows = split.declared(table["_partition"].unique().to_pylist(), model.split)
        with self.timed("tune and train"), tempfile.TemporaryDirectory() as place:
            storage = f"sqlite:///{place}/study.sqlite"
            return fit.fit(table, names, model, windows, storage, "floor", lambda *_: None)

    def _measured(self, fitted: Fitted, table: pa.Table) -> dict[str, object]:
        declared = self.pipeline.declaration
        partitions = table["_partition"].unique().to_pylist()
        with self.timed("evaluate"):
            found = evaluate(
                fitted.model,
                fitted.baselines,
                split.rows(table, split.declared(partitions, declared.model.split).test),
                declared.model,
                declared.evaluation,
                declared.label.unit,
                declared_metrics(self.pipeline),
            )
        model = found.candidates[0]
        metrics = {name: estimate.value for name, estimate in model.metrics.items()}
        return {"hash": fitted.model.model_hash, "metrics": metrics}

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time of the block to `part`."""
        start, cpu = time.monotonic(), time.process_time()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - start
        self.cpu_seconds[part] = self.cpu_seconds.get(part, 0.0) + time.process_time() - cpu


def read(path: Path) -> Pipeline:
    """Return the pipeline without its component, which would import Dagster."""
    document = yaml.safe_load((path / "defs.yaml").read_text(encoding="utf-8"))
    declaration = Declaration.model_validate(document["attributes"])
    return folder.load(path.name, path, declaration)


def main(what: str, path: Path, result: Path) -> None:
    """Run and write what was found."""
    from benchmarks.floor_month import month

    found = {"run": Floor.run, "month": month}[what](Floor(path))
    result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
