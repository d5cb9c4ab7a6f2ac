from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.sources.base import Delivery, Part
from ml_assets.sources.load import load
from ml_assets_tests.sources.helpers import NAME, raw_table, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from ml_assets.sources.base import Span


@dataclass(frozen=True)
class Pages:
    """Another kind of source, as one may be added."""

    kind: str = "pages"
    fails: bool = False

    def fingerprint(self) -> str:
        return "1"

    def describe(self) -> str:
        return "pages"

    @contextmanager
    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        into: str,
        columns: Sequence[str],
        spans: Sequence[Span] | None = None,
    ) -> Iterator[Delivery]:
        if self.fails:
            raise DataError("page 3 is missing.", "Ask again.")
        con.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT 1 AS a, 2 AS b")
        yield Delivery(into, (Part("page 1", {"a": "INTEGER", "b": "INTEGER"}),))


def test_another_kind_of_source_slots_in(con: duckdb.DuckDBPyConnection) -> None:
    result = load(con, Pages(), raw_table({"a": "BIGINT", "b": "SMALLINT"}), NAME, "flights")
    assert result.kept_rows == 1
    assert rows(con, "flights") == [(1, 2)]


def test_every_fault_names_the_table_once(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(DataError) as caught:
        load(con, Pages(fails=True), raw_table({"a": "BIGINT"}), NAME, "flights")
    assert caught.value.fact == "raw.flights: page 3 is missing."
    with pytest.raises(DataError) as caught:
        load(con, Pages(), raw_table({"c": "BIGINT"}), NAME, "flights")
    assert caught.value.fact.count("raw.flights") == 1


def test_sources_load_nothing_heavy() -> None:
    code = (
        "import sys, ml_assets.sources.load, ml_assets.sources.resolve;"
        "sys.exit(any(m in sys.modules for m in ('dagster', 'mlflow', 'pandas', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
