"""An in-memory DuckDB for the tests of scaffolds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from ml_assets_tests.scaffold.tables import write_orders

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own."""
    with duckdb.connect() as opened:
        opened.execute("SET threads = 2")
        yield opened


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the orders as CSV."""
    return write_orders(tmp_path_factory.mktemp("orders") / "orders.csv")
