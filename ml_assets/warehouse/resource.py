"""The lake as a Dagster resource: attached once per run, one cursor per use."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from ml_assets.warehouse.lake import connect
from ml_assets.warehouse.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from dagster import InitResourceContext


class LakeResource(DuckDBResource):
    """Connections to the lake of `pipeline`, configured by the environment (see Settings)."""

    database: str = ":memory:"
    pipeline: str
    _stack: ExitStack | None = PrivateAttr(default=None)
    _shared: duckdb.DuckDBPyConnection | None = PrivateAttr(default=None)
    _lock: Lock = PrivateAttr(default_factory=Lock)

    @property
    def settings(self) -> Settings:
        """Where data, catalog and storage are."""
        return Settings.from_environment()

    def setup_for_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002 - Dagster's
        """Begin a run; the lake is attached when first asked for."""
        self._stack = ExitStack()

    def teardown_after_execution(self, context: InitResourceContext) -> None:  # noqa: ARG002 - Dagster's
        """End the run and close its connection."""
        if self._stack is not None:
            self._stack.close()
        self._stack = self._shared = None

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection with temporary tables of its own; it is always closed."""
        if self._stack is None:
            with connect(self.pipeline, self.settings) as con:
                yield con
        else:
            with self._of_run(self._stack).cursor() as con:
                yield con

    def _of_run(self, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._shared is None:
                self._shared = stack.enter_context(connect(self.pipeline, self.settings))
            return self._shared
