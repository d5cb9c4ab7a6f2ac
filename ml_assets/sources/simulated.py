"""Kind "simulated": rows that a plain Python function beside the YAML makes for a time window."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, suppress
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Any, Literal

import duckdb
from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.errors import DataError, DeclarationError
from ml_assets.functions import load_function
from ml_assets.sources.base import Delivery, Part
from ml_assets.sources.select import select
from ml_assets.sql.names import quote
from ml_assets.sql.tables import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ml_assets.functions import Function
    from ml_assets.sources.base import Span

GIVEN = ("start", "end", "seed")
"""What every generator is called with, beside the declared options."""
_MADE = "_made"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Simulated:
    """A generator `f(start, end, *, seed, **options)` that returns the rows of [start, end).

    It returns an Arrow table, record batches or a DuckDB relation, the same rows for the same
    window however windows are cut. For a table without a time both bounds are None.
    """

    folder: Path
    """The pipeline's folder, in which the generator's file is."""
    kind: Literal["simulated"] = "simulated"
    generator: str
    """`file.py:function`, relative to the folder."""
    seed: int = 0
    """Given to the generator; the same seed makes the same rows."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments, by name."""

    def __post_init__(self) -> None:
        """Raise DeclarationError where the generator is not there or takes other options."""
        for name in self.options:
            if name in GIVEN:
                raise DeclarationError(
                    f"source: the option `{name}` is given to every generator.",
                    "Declare `seed` beside `options`; a window is not declared.",
                )
        self._function.accept((*GIVEN, *self.options), "generator")

    @property
    def _function(self) -> Function:
        return load_function(self.folder, self.generator)

    def fingerprint(self) -> str:
        """Return a digest of the generator's code, the seed and the options."""
        identity = [self._function.name, self._function.code, self.seed, self.options]
        return hashlib.sha256(
            json.dumps(identity, sort_keys=True, default=str).encode()
        ).hexdigest()

    def describe(self) -> str:
        """Return the generator with its seed and options."""
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"simulated by {self.generator}, seed {self.seed}{options}"

    @contextmanager
    def read(
        self,
        con: duckdb.DuckDBPyConnection,
        into: str,
        columns: Sequence[str],
        spans: Sequence[Span] | None = None,
    ) -> Iterator[Delivery]:
        """Offer `columns` of the rows made for `spans` as the temporary table `into`."""
        try:
            head, delivered = f"CREATE OR REPLACE TEMP TABLE {quote(into)} AS", dict[str, str]()
            for start, end in spans or ((None, None),):
                delivered = self._store(con, head, columns, self._made(start, end))
                head = f"INSERT INTO temp.{quote(into)} BY NAME"
            yield Delivery(into, (Part(self.generator, delivered),))
        finally:
            # After an error the transaction may refuse; the next read replaces the table.
            with suppress(duckdb.Error):
                con.execute(f"DROP TABLE IF EXISTS temp.{quote(into)}")

    @staticmethod
    def _store(
        con: duckdb.DuckDBPyConnection, head: str, columns: Sequence[str], made: object
    ) -> dict[str, str]:
        """Store what was made by the statement that begins with `head`; return its columns."""
        con.register(_MADE, made)
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {_MADE}").fetchall()
            types = {str(name): str(kind) for name, kind, *_ in described}
            con.execute(f"{head} {select(columns, types, _MADE)}")
        finally:
            con.unregister(_MADE)
        return types

    def _made(self, start: datetime | None, end: datetime | None) -> object:
        """Call the generator; raises DataError that says where it failed, or what it returned."""
        try:
            found = self._function.call(start=start, end=end, seed=self.seed, **self.options)
        except Exception as error:
            window = f" for {start:%Y-%m-%d} to {end:%Y-%m-%d}" if start and end else ""
            raise DataError(
                f"{self.generator} failed{window}: {type(error).__name__}: {error}.",
                "Correct the function or the options of the source.",
            ) from error
        if isinstance(found, duckdb.DuckDBPyRelation):
            # A relation belongs to a connection of its own.
            return found.to_arrow_reader()
        if not hasattr(found, "__arrow_c_stream__"):
            raise DataError(
                f"{self.generator} returned {type(found).__name__}.",
                "Return an Arrow table, a record batch reader or a DuckDB relation.",
            )
        return found
