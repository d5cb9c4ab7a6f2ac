from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets_tests.sources.helpers import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect()
    yield connection
    connection.close()
