"""The past as it is looked back on: the rows of production, and labels only once they are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_assets.backtest.outcomes import NEVER, micros
from ml_assets.backtest.past import look_back
from ml_assets.errors import DeclarationError, StaleError, StorageError
from ml_assets.ml.training_table import LABEL_KNOWN_AT, PARTITION
from ml_assets.tables.training import read
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.snapshots import current_snapshot
from ml_assets_tests.backtest.world import WEEKS, write_parcels
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.backtest.past import Past
    from ml_assets_tests.sandbox import Sandbox

MOMENTS = [datetime(2024, 1, 9, 12, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]


@pytest.mark.parametrize("as_of", MOMENTS)
def test_training_rows_are_those_of_production(
    parcels: Sandbox, past: Past, as_of: datetime
) -> None:
    pipeline = parcels.pipeline
    with parcels.lake() as con:
        # Production has no other slices yet.
        wanted = read(con, pipeline, as_of, past.features, past.over(as_of))
    found = past.training_rows(past.keys, as_of)
    assert found.num_rows > 0
    assert found.select(wanted.column_names).equals(wanted)


@pytest.mark.parametrize("as_of", MOMENTS)
def test_nothing_is_known_before_it_is(past: Past, as_of: datetime) -> None:
    facts = past.known_facts(past.keys, as_of)
    assert 0 < facts.num_rows < sum(len(one.label) for one in past.outcomes.values())
    assert max(facts[LABEL_KNOWN_AT].to_pylist()) <= as_of
    for key, own in past.outcomes.items():
        rows = facts.filter(np.array(facts[PARTITION].to_pylist()) == key)
        assert own.known(as_of).sum() == rows.num_rows


def test_what_has_no_label_is_never_known(past: Past) -> None:
    late = datetime(2100, 1, 1, tzinfo=UTC)
    for own in past.outcomes.values():
        unknown = np.isnan(own.label)
        assert unknown.any()
        assert (own.there_at[unknown] == NEVER).all()
        assert not own.known(late)[unknown].any()


def test_outcomes_stand_in_the_order_of_the_rows(past: Past) -> None:
    for key in past.keys[:3]:
        rows = past.rows(key)
        label = rows["_label"].fill_null(np.nan).to_numpy()
        np.testing.assert_array_equal(past.outcomes[key].label, label)


def test_micros_are_exact() -> None:
    moment = datetime(2024, 3, 1, 12, 30, 1, 234567, tzinfo=UTC)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros(moment)) == moment


def test_only_partitions_that_are_over_are_seen(past: Past) -> None:
    ends = past.pipeline.partitions.window("2024-01-15").end
    assert past.over(ends) == ["2024-01-01", "2024-01-08", "2024-01-15"]
    assert past.over(ends - timedelta(microseconds=1)) == ["2024-01-01", "2024-01-08"]


def test_content_names_the_partitions_that_changed(
    parcels: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = parcels.copy(tmp_path / "box")
    monkeypatch.chdir(box.root)
    before = look_back(box.pipeline, box.settings)
    assert len(before.keys) == WEEKS
    pipeline = box.pipeline
    with box.lake() as con:
        # The second week begins with the 157th order.
        box.edit(
            "orders", lambda lines: [*lines[:200], *map(_heavier, lines[200:210]), *lines[210:]]
        )
        for node in pipeline.ordered:
            build(con, pipeline, node, ["2024-01-08"])
    after = look_back(box.pipeline, box.settings)
    changed = [key for key in before.keys if before.content[key] != after.content[key]]
    assert changed == ["2024-01-08"]


def _heavier(line: str) -> str:
    head, weight, late = line.rsplit(",", 2)
    return f"{head},{float(weight) / 2 + 1},{late}"


def test_looking_back_writes_nothing(parcels: Sandbox) -> None:
    def newest() -> int:
        with connect(parcels.name, parcels.settings, read_only=True) as con:
            return current_snapshot(con, parcels.name)

    before = newest()
    assert look_back(parcels.pipeline, parcels.settings).snapshot == before
    assert newest() == before


def test_tables_that_are_not_built_are_refused(tmp_path: Path) -> None:
    box = write_parcels(tmp_path)
    with pytest.raises(StorageError, match="holds no data yet"):
        look_back(box.pipeline, box.settings)


def test_tables_of_other_code_are_refused(parcels: Sandbox, tmp_path: Path) -> None:
    box = parcels.copy(tmp_path / "box")
    box.replace("features.orders", "    weight,", "    weight + 0 AS weight,")
    with pytest.raises(StaleError, match=r"features\.orders"):
        look_back(box.pipeline, box.settings)


def test_a_pipeline_without_partitions_has_no_past(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    node = pipeline.node("features.orders")
    object.__setattr__(node.declared, "time", None)
    with pytest.raises(DeclarationError, match="no partitions in time"):
        look_back(pipeline, shop.settings)
