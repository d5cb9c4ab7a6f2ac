"""What a pipeline declares about its tables: columns, keys, rules and time."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Column:
    """One column's contract; a row that breaks it is rejected with the reason."""

    type: str
    description: str = ""
    unit: str | None = None
    nullable: bool = False
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] | None = None
    references: str | None = None
    """`layer.table.column` in which every non-NULL value must occur."""


def _expand(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Columns = dict[str, Annotated[Column, BeforeValidator(_expand)]]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Limits:
    """Table rules: breaking one fails a blocking check and stores nothing."""

    rejected: Share = 0.01
    """Largest share of a slice's rows that may be rejected."""
    volume: tuple[float, float] = (0.5, 2.0)
    """Rows of a slice over the median of the table's other slices, lowest and highest."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RawTable:
    """A table as its source delivers it, typed; unreadable values reject their row."""

    description: str
    source: dict[str, object]
    columns: Columns
    time: str | None = None
    """SQL expression over the columns that places a row in a partition; a DATE or TIMESTAMP is
    local to the pipeline's time zone. Without it the table is static and loaded whole."""
    limits: Limits = Limits()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CleanedTable:
    """A SELECT over raw tables with a contract, accounted for row by row."""

    description: str
    rows: str
    """The driving raw table, `raw.<table>`: one output row per key of it."""
    rows_key: tuple[str, ...]
    """SQL expressions over the driving table that match `key`, position by position."""
    key: tuple[str, ...]
    columns: Columns
    exclude: dict[str, str] = Field(default_factory=dict)
    """Reason to predicate over the driving table; the first that holds leaves the row out."""
    added: dict[str, str] = Field(default_factory=dict)
    """Reason to predicate over the output: rows that the SELECT adds on purpose."""
    counts: dict[str, str] = Field(default_factory=dict)
    """Name to predicate over the driving table: how many rows it holds for, told and kept."""
    time: str | None = None
    """TIMESTAMPTZ column that places a row in a partition."""
    known_at: str | None = None
    """TIMESTAMPTZ column: when the row's facts became known. Without it the table is static."""
    event_time: str | None = None
    """TIMESTAMPTZ column of the event; `known_at` may not precede it. None: known in advance."""
    facts: tuple[str, ...] = ()
    """Columns of the driving table that become known with this row; none means the whole row."""
    lookback: str = "0 days"
    limits: Limits = Limits()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FeatureTable:
    """A SELECT that computes features as of each row's prediction time."""

    description: str
    rows: str
    """The driving table, `cleaned.<table>`: one output row per key of it."""
    columns: Columns
    """The features and the prediction time; key and time are the driving table's."""
    key: tuple[str, ...] = ()
    """The driving table's key where none is declared."""
    time: str | None = None
    """The driving table's time where none is declared."""
    counts: dict[str, str] = Field(default_factory=dict)
    """Name to predicate over the output: how many rows it holds for, told and kept."""
    prediction_time: str | None = None
    """TIMESTAMPTZ column: what was known by then is all a row may use. None: static."""
    lookback: str = "0 days"
    """How far before a partition the SELECT must see upstream rows to be exact."""
    limits: Limits = Limits()

    @property
    def rows_key(self) -> tuple[str, ...]:
        """The key, which the driving cleaned table has under the same names."""
        return self.key

    @property
    def exclude(self) -> dict[str, str]:
        """Nothing: every row of the driving table has its features."""
        return {}

    @property
    def added(self) -> dict[str, str]:
        """Nothing: no row has features that is not in the driving table."""
        return {}


Table = RawTable | CleanedTable | FeatureTable
