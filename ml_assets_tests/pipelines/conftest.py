"""Every pipeline of the repository, and each of them built from its real sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.component.folder import load_folder
from ml_assets_tests.sandbox import FOLDERS, Sandbox, build_all, example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from ml_assets.tables.pipeline import Pipeline


@pytest.fixture(scope="session", params=FOLDERS, ids=lambda folder: folder.name)
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    """One of the repository's pipelines."""
    return load_folder(request.param)


@pytest.fixture(scope="session")
def whole_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Pipeline], Sandbox]:
    """Build all tables of a pipeline from its real sources, once; the lake is to read only."""
    built: dict[str, Sandbox] = {}

    def whole(pipeline: Pipeline) -> Sandbox:
        if pipeline.name not in built:
            box = Sandbox(tmp_path_factory.mktemp("whole"), pipeline.name)
            with box.lake() as con:
                build_all(con, pipeline)
            built[pipeline.name] = box
        return built[pipeline.name]

    return whole


@pytest.fixture(scope="session")
def whole(pipeline: Pipeline, whole_of: Callable[[Pipeline], Sandbox]) -> Sandbox:
    """The lake of `pipeline`, complete."""
    return whole_of(pipeline)


@pytest.fixture(scope="module")
def flights() -> Pipeline:
    """The flights pipeline."""
    return load_folder(example("flights"))


@pytest.fixture(scope="module")
def con(flights: Pipeline, whole_of: Callable[[Pipeline], Sandbox]) -> Iterator[DuckDBPyConnection]:
    """A connection to the lake with all flights."""
    with whole_of(flights).lake() as connection:
        yield connection
