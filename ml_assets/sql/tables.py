"""What a pipeline declares about its tables: columns, keys, rules and time."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=False, use_attribute_docstrings=True)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Column:
    """One column's contract; a row that breaks it is rejected with the reason."""

    type: str
    """DuckDB type, such as INTEGER, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMPTZ or DECIMAL(10,2)."""
    description: str = ""
    """What the value says; shown beside the column in the UI."""
    unit: str | None = None
    """Unit of measurement, such as min or USD."""
    nullable: bool = False
    """Whether NULL is a value; otherwise it rejects the row."""
    min: float | None = None
    """Smallest number allowed."""
    max: float | None = None
    """Largest number allowed."""
    allowed: tuple[str, ...] | None = None
    """The only values there are, compared as text."""
    references: str | None = None
    """`layer.table.column` in which every non-NULL value must occur."""


def _expand(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Columns = dict[
    str, Annotated[Column, BeforeValidator(_expand, json_schema_input_type=str | Column)]
]
"""A column is written as its contract, or as its type alone."""
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
    """What one row is, and where it comes from."""
    source: dict[str, object]
    """Where the rows come from; `kind` says how the other keys are read."""
    columns: Columns
    """Columns that are loaded: name to type, unit and description. Others are reported and left
    alone."""
    time: str | None = None
    """SQL expression over the columns that places a row in a partition; a DATE or TIMESTAMP is
    local to the pipeline's time zone. Without it the table is static and loaded whole."""
    limits: Limits = Limits()
    """When a delivery counts as broken."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CleanedTable:
    """A SELECT over raw tables with a contract, accounted for row by row."""

    description: str
    """What one row is."""
    rows: str
    """The driving table, raw or cleaned: one output row per key of it. A table that a cleaned one
    drives makes no raw row known."""
    rows_key: tuple[str, ...]
    """SQL expressions over the driving table that match `key`, position by position."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: Columns
    """The contract: name to rules, for every column of the SELECT."""
    exclude: dict[str, str] = Field(default_factory=dict)
    """Reason to predicate over the driving table; the first that holds leaves the row out."""
    added: dict[str, str] = Field(default_factory=dict)
    """Reason to predicate over the output: rows that the SELECT adds on purpose."""
    counts: dict[str, str] = Field(default_factory=dict)
    """Name to predicate over the driving table: how many rows it holds for, told and kept."""
    time: str | None = None
    """TIMESTAMPTZ column that places a row in a partition."""
    known_at: str | None = None
    """TIMESTAMPTZ column: when the row's facts became known. Only a `static` table has none."""
    static: bool = False
    """That all rows were known at all times, so that no time travel hides them."""
    event_time: str | None = None
    """TIMESTAMPTZ column of the event; `known_at` may not precede it. None: known in advance."""
    facts: tuple[str, ...] = ()
    """Columns of the driving table that become known with this row; none means the whole row."""
    lookback: str = "0 days"
    """How far before a partition the SELECT must see upstream rows to be exact."""
    lookahead: str = "0 days"
    """How far after a partition, as for a label that tells what followed. A partition is built when
    all that it looks ahead at is over."""
    limits: Limits = Limits()
    """When a build counts as broken."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FeatureTable:
    """A SELECT that computes features as of each row's prediction time."""

    description: str
    """What the features say."""
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
    """TIMESTAMPTZ column: what was known by then is all a row may use. Only a `static` table has
    none."""
    static: bool = False
    """That the features are the same at every prediction time."""
    lookback: str = "0 days"
    """How far before a partition the SELECT must see upstream rows to be exact."""
    limits: Limits = Limits()
    """When a build counts as broken."""

    @property
    def rows_key(self) -> tuple[str, ...]:
        """The key, which the driving cleaned table has under the same names."""
        return self.key

    @property
    def lookahead(self) -> str:
        """Nothing: no feature sees what follows."""
        return "0 days"

    @property
    def exclude(self) -> dict[str, str]:
        """Nothing: every row of the driving table has its features."""
        return {}

    @property
    def added(self) -> dict[str, str]:
        """Nothing: no row has features that is not in the driving table."""
        return {}


Table = RawTable | CleanedTable | FeatureTable
