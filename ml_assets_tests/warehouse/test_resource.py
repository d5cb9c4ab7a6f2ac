from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from ml_assets.errors import StorageError
from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.resource import LakeResource

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ml_assets.warehouse.settings import Settings


def test_a_run_attaches_once_and_closes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counting(pipeline: str, settings: Settings) -> AbstractContextManager[object]:
        opened.append(pipeline)
        return connect(pipeline, settings)

    monkeypatch.setattr("ml_assets.warehouse.resource.connect", counting)
    cursors: list[duckdb.DuckDBPyConnection] = []

    @dg.asset
    def first(lake: LakeResource) -> None:
        with lake.get_connection() as con:
            cursors.append(con)
            con.execute("CREATE TABLE flights.raw.t AS SELECT 1 AS a")
            con.execute("CREATE TEMP TABLE own AS SELECT 1 AS a")

    @dg.asset(deps=[first])
    def second(lake: LakeResource) -> None:
        with lake.get_connection() as con:
            cursors.append(con)
            assert con.execute("FROM flights.raw.t").fetchall() == [(1,)]
            with pytest.raises(duckdb.CatalogException):
                con.execute("FROM own")

    result = dg.materialize([first, second], resources={"lake": LakeResource(pipeline="flights")})
    assert result.success
    assert opened == ["flights"]
    for con in cursors:
        with pytest.raises(duckdb.ConnectionException):
            con.execute("SELECT 1")


def test_an_exception_closes_and_rolls_back(settings: Settings) -> None:
    lake = LakeResource(pipeline="flights")
    with pytest.raises(ValueError, match="stop"), lake.get_connection() as con:
        con.begin()
        con.execute("CREATE TABLE flights.raw.t AS SELECT 1 AS a")
        raise ValueError("stop")
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")
    with lake.get_connection() as con, pytest.raises(duckdb.CatalogException):
        con.execute("FROM flights.raw.t")


def test_a_wrong_setting_fails_the_asset_that_asks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = LakeResource(pipeline="flights")
    monkeypatch.setenv("ML_ASSETS_THREADS", "none")
    with pytest.raises(StorageError, match="ML_ASSETS_THREADS"), lake.get_connection():
        pass
