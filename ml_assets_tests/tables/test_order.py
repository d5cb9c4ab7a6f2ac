"""Built whole or partition by partition, in any order: the same tables."""

from __future__ import annotations

import random
from contextlib import chdir
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml_assets.tables.build import build_window
from ml_assets.warehouse import ledger
from ml_assets_tests import sample as flights
from ml_assets_tests import shop as shops
from ml_assets_tests.sandbox import RUN, build, contents, ignore_waiting, planned, refresh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.sandbox import Sandbox

SELECTED = ("cleaned", "features")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: an example takes seconds, and a permutation is small enough to read."""


def built_whole(con: DuckDBPyConnection, pipeline: Pipeline) -> dict[str, str]:
    """Build each table as one slice and return the contents."""
    for node in pipeline.ordered:
        if node.layer in SELECTED:
            build_window(con, pipeline, node, None, run_id=RUN, on_wait=ignore_waiting)
    return contents(con, pipeline, *SELECTED)


@pytest.fixture(scope="module")
def whole_shop(shop_as_built: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The contents of the tiny pipeline's tables, each built as one slice."""
    return _whole(shop_as_built.copy(tmp_path_factory.mktemp("whole") / "box"))


@pytest.fixture(scope="module")
def whole_sample(
    sample_as_built: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The contents of the sampled flights' tables, each built as one slice."""
    return _whole(sample_as_built.copy(tmp_path_factory.mktemp("whole") / "box"))


def _whole(box: Sandbox) -> dict[str, str]:
    with chdir(box.root), box.lake() as con:
        return built_whole(con, box.pipeline)


@pytest.mark.slow
def test_whole_and_by_month_are_the_same(
    sample_as_built: Sandbox, whole_sample: dict[str, str]
) -> None:
    with sample_as_built.lake() as con:
        assert contents(con, sample_as_built.pipeline, *SELECTED) == whole_sample


def emptied(con: DuckDBPyConnection, pipeline: Pipeline) -> None:
    """Forget everything that SELECTs built."""
    for node in pipeline.ordered:
        if node.layer in SELECTED:
            con.execute(f"DELETE FROM {pipeline.name}.{node.dotted}")
    con.execute(f"DELETE FROM {pipeline.name}.ops.slices WHERE table_name NOT LIKE 'raw.%'")


def built_in_order(
    con: DuckDBPyConnection, pipeline: Pipeline, orders: Sequence[Sequence[str]]
) -> dict[str, str]:
    """Build table after table, the partitions of each in an order of its own."""
    emptied(con, pipeline)
    nodes = [node for node in pipeline.ordered if node.layer in SELECTED]
    for node, order in zip(nodes, orders, strict=True):
        build(con, pipeline, node, order if node.partitioned else [None])
    return contents(con, pipeline, *SELECTED)


@pytest.mark.slow
def test_neighbours_built_together_are_as_if_built_alone(
    shop_as_built: Sandbox, tmp_path: Path
) -> None:
    box = shop_as_built.copy(tmp_path / "box")
    with chdir(box.root), box.lake() as con:
        together = ledger.current(con, box.pipeline.name)
        for node in box.pipeline.ordered:
            build(con, box.pipeline, node, apart=True)
        apart = ledger.current(con, box.pipeline.name)
    assert [_comparable(item) for item in together] == [_comparable(item) for item in apart]
    assert len({item.sequence for item in together}) < len({item.sequence for item in apart})


def _comparable(item: ledger.Slice) -> ledger.Slice:
    return replace(item, sequence=0, built_at=datetime.fromtimestamp(0, UTC))


def orders(months: Sequence[str], tables: int) -> st.SearchStrategy[list[list[str]]]:
    """Return the strategy of one permutation of `months` per table."""
    return st.lists(st.permutations(months), min_size=tables, max_size=tables)


@pytest.mark.slow
@settings(max_examples=2, phases=PHASES)
@given(chosen=orders(shops.MONTHS, 4))
def test_any_order_gives_the_whole(
    shop_as_built: Sandbox,
    whole_shop: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    chosen: list[list[str]],
) -> None:
    box = shop_as_built.copy(tmp_path_factory.mktemp("order") / "box")
    with box.lake() as con:
        assert built_in_order(con, box.pipeline, chosen) == whole_shop


@pytest.mark.slow
def test_a_mixed_order_gives_the_whole_sample(
    sample_as_built: Sandbox, whole_sample: dict[str, str], tmp_path: Path
) -> None:
    """One drawn order per table; `longest` proves more of them."""
    generator = random.Random(0)
    chosen = [generator.sample(flights.MONTHS, len(flights.MONTHS)) for _ in range(12)]
    assert len({*map(tuple, chosen)}) > 3
    box = sample_as_built.copy(tmp_path / "box")
    with box.lake() as con:
        assert built_in_order(con, box.pipeline, chosen) == whole_sample


@pytest.mark.longest
@settings(max_examples=4, phases=PHASES)
@given(chosen=orders(flights.MONTHS, 12))
def test_any_order_gives_the_whole_sample(
    sample_as_built: Sandbox,
    whole_sample: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    chosen: list[list[str]],
) -> None:
    box = sample_as_built.copy(tmp_path_factory.mktemp("order") / "box")
    with box.lake() as con:
        assert built_in_order(con, box.pipeline, chosen) == whole_sample


@pytest.mark.slow
@settings(max_examples=2, phases=PHASES)
@given(months=st.permutations(flights.MONTHS))
def test_a_month_built_before_its_past_is_mended_by_a_refresh(
    sample_as_built: Sandbox,
    whole_sample: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    months: list[str],
) -> None:
    """All tables of one month after another: what came too early is stale until refreshed."""
    box = sample_as_built.copy(tmp_path_factory.mktemp("order") / "box")
    pipeline = box.pipeline
    with chdir(box.root), box.lake() as con:
        emptied(con, pipeline)
        for month in months:
            for node in pipeline.ordered:
                if node.layer in SELECTED:
                    build(con, pipeline, node, [month] if node.partitioned else [None])
        early = months != sorted(months)
        assert bool(planned(con, pipeline)) == early
        refresh(con, pipeline)
        assert planned(con, pipeline) == []
        assert contents(con, pipeline, *SELECTED) == whole_sample
