"""What every kind of source offers, so that assets need to know none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    Span = tuple[datetime, datetime]
    """The instants from the first to the second, which is not among them."""

UNTYPED = "untyped"
"""The type of a column that could hold anything: text in a CSV, mixed values in JSON."""


@dataclass(frozen=True)
class Part:
    """One file, page or batch of a delivery."""

    name: str
    """As a user knows it; stands in messages."""
    columns: Mapping[str, str]
    """Every column delivered to its DuckDB type or UNTYPED, also those that are not read."""


@dataclass(frozen=True)
class Delivery:
    """Rows as delivered, readable while the source is open.

    `relation` is a temporary view or table with the columns asked for, NULL where a part lacks one.
    `unreadable`, valid once `relation` has been scanned, selects the rows that are not in it:
    reason VARCHAR, row JSON, place VARCHAR (file and row), fatal BOOLEAN (more rows may be lost).
    """

    relation: str
    parts: tuple[Part, ...]
    unreadable: str | None = None
    verify: Callable[[int], None] | None = None
    """Given the rows scanned, raises DataError where the reader lost something without saying."""

    @property
    def name(self) -> str:
        """The parts' names in few words."""
        first = self.parts[0].name
        return first if len(self.parts) == 1 else f"{first} and {len(self.parts) - 1} more"


class Source(Protocol):
    """Where one raw table comes from; each kind is a frozen dataclass of what is declared."""

    @property
    def kind(self) -> str:
        """The word that picks this kind in a declaration."""
        ...

    def fingerprint(self) -> str:
        """Return a hex digest of what a read would deliver now, without reading all of it."""
        ...

    def read(
        self,
        con: DuckDBPyConnection,
        into: str,
        columns: Sequence[str],
        spans: Sequence[Span] | None = None,
    ) -> AbstractContextManager[Delivery]:
        """Offer `columns` as the temporary relation `into` until the context ends.

        Only rows of `spans` are needed, all rows without them; more may be offered.
        """
        ...

    def describe(self) -> str:
        """Return one line that says where the rows come from."""
        ...
