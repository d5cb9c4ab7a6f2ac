"""The features of a version as its code computed them, after that code was changed.

The lake's history holds them: a champion whose features cannot be computed any more can still be
asked about the rows that are held out, so that the gate judges its successor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ml_assets.assets.gate_window import Rows
from ml_assets.errors import StorageError
from ml_assets.ml.training_table import partitions_of
from ml_assets.sql.names import columns
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.plan import Stored
from ml_assets.tables.spine import feature_names, spine
from ml_assets.warehouse import ledger
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ml_assets.registry.record import TrainingRecord
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

_ROW = "_row"
_JUDGED = "_judged"


def former_rows(
    pipeline: Pipeline,
    settings: Settings,
    snapshot: int,
    record: TrainingRecord,
    changed: Sequence[str],
    rows: pa.Table,
) -> Rows | str:
    """Return `rows` of `snapshot` as the version of `record` saw them, or why that cannot be.

    They are read from the newest state whose tables `changed` were of its code. Where the raw data
    is another since, its answers would be worse for no fault of its own.
    """
    gone = sorted({*record.features} - {*feature_names(pipeline)})
    if gone:
        return f"{', '.join(gone)} is no feature any more"
    with connect(pipeline.name, settings, snapshot=snapshot) as con:
        last = _last_of_code(con, pipeline, record.code_versions, changed)
        raw = _raw(con, pipeline)
    if last is None:
        return "its features of then were replaced in part"
    try:
        with connect(pipeline.name, settings, snapshot=last) as con:
            then = _raw(con, pipeline)
            moved = any(raw.get(name) != content for name, content in then.items())
            if moved or _stale(con, pipeline, record):
                return "the raw data is another since"
            found = _joined(con, pipeline, record, rows, last)
            return found if found.champion.num_rows else "of these rows it computed no features"
    except StorageError as error:
        return f"its features of then are gone: {error.fact}"


def _last_of_code(
    con: DuckDBPyConnection, pipeline: Pipeline, then: Mapping[str, str], changed: Sequence[str]
) -> int | None:
    """Return the newest snapshot at which the tables `changed` are wholly of the code `then`."""
    code: dict[tuple[str, str | None], str] = {}
    found = None
    for snapshot, item in ledger.history(con, pipeline.name):
        if item.table not in changed:
            continue
        if code and all(version == then[table] for (table, _), version in code.items()):
            found = snapshot - 1
        code[item.table, item.partition] = item.code_version
    return found


def _raw(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[tuple[str, str | None], str]:
    stored = Stored(ledger.current(con, pipeline.name))
    return {
        (node.dotted, item.partition): item.data_version
        for node in pipeline.ordered
        if node.layer == "raw"
        for item in stored.of(node)
    }


def _stale(con: DuckDBPyConnection, pipeline: Pipeline, record: TrainingRecord) -> bool:
    """Return whether a table of the version was built from something else than there was beside it.

    So it is in a run that loads raw data first and then builds by other code.
    """
    slices = ledger.current(con, pipeline.name)
    content = {(one.table, one.partition): one.data_version for one in slices}
    return any(
        content.get((table, key or None), version) != version
        for one in slices
        if one.table in record.code_versions
        for table, read in one.inputs.items()
        for key, version in read.items()
    )


def _joined(
    con: DuckDBPyConnection,
    pipeline: Pipeline,
    record: TrainingRecord,
    rows: pa.Table,
    snapshot: int,
) -> Rows:
    key = columns(list(spine(pipeline)[1].key))
    numbered = rows.append_column(_ROW, pa.array(range(rows.num_rows)))
    con.register(_JUDGED, numbered.select([*spine(pipeline)[1].key, _ROW]))
    then = con.execute(
        f"SELECT * FROM ({entities_sql(pipeline, record.features, partitions_of(rows))})"
        f" JOIN {_JUDGED} USING ({key}) ORDER BY {_ROW}"
    ).to_arrow_table()
    own, unseen = then.drop_columns([_ROW]), len(partitions_of(rows))
    return Rows(own, rows.take(then[_ROW]), snapshot, unseen)
