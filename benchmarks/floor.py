"""The floor: raw files to metrics in one plain script, with the pipeline's SQL and training.

No Dagster, no lake, no MLflow, no checks: every SELECT runs once over the whole history.
Run as `python -m benchmarks.floor <folder of the pipeline> <result file>`.
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

from ml_assets.component.pipeline import load_folder
from ml_assets.ml import fit, split
from ml_assets.ml.evaluate import evaluate
from ml_assets.sql.names import literal, qualified, quote
from ml_assets.sql.tables import CleanedTable, RawTable
from ml_assets.tables.training import feature_names, training_sql
from ml_assets.warehouse.settings import Settings
from ml_assets.warehouse.slices import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from ml_assets.tables.pipeline import Node, Pipeline

IMPOSSIBLE = {"cleaned.weather": "wind_speed > 200"}
"""The rows that the contracts reject, so that both train on the same rows."""


class Floor:
    """One run of the script, with the seconds of each part."""

    def __init__(self, folder: Path) -> None:
        self.pipeline: Pipeline = load_folder(folder)
        self.settings = Settings.from_environment()
        self.seconds: dict[str, float] = {}
        self.digest = ""
        self.con = duckdb.connect(config={"threads": self.settings.threads})
        zone = literal(self.pipeline.declaration.time_zone)
        self.con.execute(
            f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS {quote(self.pipeline.name)};"
            f" USE {quote(self.pipeline.name)};"
            f" SET VARIABLE time_zone = {zone};"
            " SET VARIABLE slice_start = CAST('-infinity' AS TIMESTAMPTZ);"
            " SET VARIABLE slice_end = CAST('infinity' AS TIMESTAMPTZ)"
        )

    def run(self) -> dict[str, object]:
        """Return the model's hash, its test AUC and the seconds of each part."""
        for node in self.pipeline.ordered:
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified(node.layer)}")
            with self._timed(node.layer):
                self._load(node) if isinstance(node.declared, RawTable) else self._select(node)
        with self._timed("training set"):
            table = self._training_set()
        return {**self._learn(table), "training_set": self.digest, "seconds": self.seconds}

    def _load(self, node: Node) -> None:
        from ml_assets.sources.load import load
        from ml_assets.tables.load import source_of

        if not isinstance(node.declared, RawTable):
            raise TypeError(f"{node.dotted} is no raw table")
        loaded = load(self.con, source_of(node), node.declared, node.dotted, "_loaded")
        target = qualified(*node.name)
        self.con.execute(f"CREATE TABLE {target} AS FROM temp.{quote(loaded.kept)}")

    def _select(self, node: Node) -> None:
        if node.select is None:
            raise TypeError(f"{node.dotted} has no SELECT")
        with self._driving(node):
            rows = f"FROM {node.select.subquery} AS _select"
            if node.dotted in IMPOSSIBLE:
                rows += f" WHERE ({IMPOSSIBLE[node.dotted]}) IS NOT TRUE"
            columns = ", ".join(
                f"CAST({quote(name)} AS {kind}) AS {quote(name)}"
                for name, kind in node.types.items()
            )
            partition = "NULL::VARCHAR"
            if node.partitioned:
                local = f"timezone(getvariable('time_zone'), {quote(node.declared.time or '')})"
                partition = self.pipeline.partitions.key_sql(local)
            self.con.execute(
                f"CREATE TABLE {qualified(*node.name)} AS"
                f" SELECT {columns}, {partition} AS _partition {rows}"
            )

    @contextmanager
    def _driving(self, node: Node) -> Iterator[None]:
        """Hide the rows of the driving table that a declared rule excludes."""
        table = node.declared
        if not isinstance(table, CleanedTable) or not table.exclude:
            yield
            return
        name = self.pipeline.node(table.rows).name
        hidden = qualified(name[0], f"_{name[1]}")
        rules = " AND ".join(f"({rule}) IS NOT TRUE" for rule in table.exclude.values())
        self.con.execute(f"ALTER TABLE {qualified(*name)} RENAME TO {quote('_' + name[1])}")
        self.con.execute(f"CREATE VIEW {qualified(*name)} AS FROM {hidden} WHERE {rules}")
        yield
        self.con.execute(f"DROP VIEW {qualified(*name)}")
        self.con.execute(f"ALTER TABLE {hidden} RENAME TO {quote(name[1])}")

    def _training_set(self) -> pa.Table:
        sql = training_sql(self.pipeline, datetime.now(UTC), feature_names(self.pipeline))
        table = self.con.execute(sql).to_arrow_table()
        self.con.register("training_rows", table)
        self.digest = content_hash(self.con, "FROM training_rows", table.column_names)
        self.con.close()
        return table

    def _learn(self, table: pa.Table) -> dict[str, object]:
        declared = self.pipeline.declaration
        partitions = table["_partition"].unique().to_pylist()
        windows = split.declared(partitions, declared.model.split)
        names = feature_names(self.pipeline)
        with self._timed("tune and train"), tempfile.TemporaryDirectory() as folder:
            storage = f"sqlite:///{folder}/study.sqlite"
            fitted = fit.fit(
                table, names, declared.model, windows, storage, "floor", lambda *_: None
            )
        with self._timed("evaluate"):
            found = evaluate(
                fitted.model,
                fitted.baselines,
                split.rows(table, windows.test),
                declared.model,
                declared.evaluation,
                declared.label.unit,
            )
        model = found.candidates[0]
        metrics = {name: estimate.value for name, estimate in model.metrics.items()}
        return {"hash": fitted.model.model_hash, "metrics": metrics}

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - start


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(Floor(Path(sys.argv[1])).run()), encoding="utf-8")
