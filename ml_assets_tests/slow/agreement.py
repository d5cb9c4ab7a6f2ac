"""What must be true of a pipeline's books after whatever was killed: they tell one story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.live import NOTE, settle
from ml_assets.registry.tracking import DAGSTER_RUN, FAILURE
from ml_assets.registry.versions import CHAMPION, PREVIOUS
from ml_assets.tables.days import days_table
from ml_assets.tables.findings import MONITORS, findings_table
from ml_assets.tables.scores import scores_table
from ml_assets.warehouse import ledger
from ml_assets.warehouse.appended import decisions
from ml_assets.warehouse.slices import content_hash
from ml_assets_tests.assets.contenders import aliases_of, books
from ml_assets_tests.assets.running import dagsters_own_warnings
from ml_assets_tests.slow.sampled import unfinished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets_tests.finished import Finished

State = dict[tuple[str, str | None], str]
"""Table and partition to the hash of what is stored."""


def assert_one_story(mine: Finished, evaluations: int) -> None:
    """Aliases, ledgers, lake, MLflow and Dagster agree, `evaluations` decisions being known."""
    assert_live_as_written(mine)
    stored(mine)
    with mine.box.lake() as con:
        assert len(decisions(con, mine.box.name)) == evaluations
    with mine.instance() as instance, dagsters_own_warnings():
        assert unfinished(instance) == []
        succeeded = {run.run_id for run in instance.get_runs() if run.is_success}
    assert list((mine.settings.data / "runs").glob("*")) == []
    registered = {one.run_id for one in mine.versions()}
    for run in mine.mlflow_runs():
        assert run.info.status in {"FINISHED", "FAILED"}
        if run.info.run_id in registered:
            assert run.info.status == "FINISHED"
        elif run.data.tags[DAGSTER_RUN] not in succeeded:
            assert run.info.status == "FAILED", "a model that nobody finds is no success"
            assert run.data.tags[FAILURE]


def assert_live_as_written(mine: Finished) -> None:
    """The aliases are those of the newest row, and each row begins where the last one ended."""
    with books(mine) as found:
        assert settle(found) == [], "the ledger lacked a row"
        rows = [one for one in found.rows() if one.promoted]
    aliases = aliases_of(mine)
    assert aliases[CHAMPION] == rows[-1].to_version
    assert aliases.get(PREVIOUS) == rows[-1].from_version
    assert [one.from_version for one in rows[1:]] == [one.to_version for one in rows[:-1]]
    assert not any(NOTE in one.tags for one in mine.versions())


def stored(mine: Finished) -> State:
    """Return every slice's hash as the ledger has it, after proving that its rows have it too."""
    pipeline = mine.box.pipeline
    types: dict[str, Mapping[str, str]] = {node.dotted: node.types for node in pipeline.ordered}
    for table in (
        scores_table(pipeline),
        days_table(pipeline),
        *(findings_table(pipeline, name) for name in MONITORS),
    ):
        types[table.dotted] = table.types
    found = State()
    with mine.box.lake() as con:
        for item in ledger.current(con, pipeline.name):
            where = "IS NULL" if item.partition is None else f"= '{item.partition}'"
            rows = f"FROM {pipeline.name}.{item.table} WHERE _partition {where}"
            digest = content_hash(con, rows, list(types[item.table]))
            assert digest == item.data_version, f"{item.table} {item.partition} is torn"
            found[item.table, item.partition] = digest
    return found
