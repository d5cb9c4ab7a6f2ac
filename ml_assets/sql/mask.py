"""Time travel: a raw table as it was known at a cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.sql.names import columns, quote
from ml_assets.sql.rules import json_path
from ml_assets.sql.windows import instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ml_assets.sql.tables import CleanedTable


@dataclass(frozen=True)
class Witness:
    """A cleaned table that says when rows of the raw table driving it became known.

    `relation` holds its key and `known_at` columns, of kept and rejected rows (see `knowledge`).
    """

    name: str
    table: CleanedTable
    relation: str

    def __post_init__(self) -> None:
        if self.table.known_at is None:
            fact = f"{self.name} has no known_at, so it cannot say when a row became known."
            raise DeclarationError(fact, "Declare known_at, or leave the table static.")

    @property
    def stamp(self) -> str:
        """The quoted column of the stamped relation with this table's `known_at`."""
        return quote(f"_known_by_{self.name}")


def knowledge(table: CleanedTable, kept: str, rejected: str) -> str:
    """Return SQL for the key and `known_at` of the stored rows, kept or rejected.

    A rejected row became known too, and another table may have kept the same raw row.
    """
    names = [*table.key, *([table.known_at] if table.known_at else [])]
    fields = ", ".join(
        f'TRY_CAST("row" ->> {json_path(name)} AS {table.columns[name].type}) AS {quote(name)}'
        for name in names
    )
    return f"SELECT {columns(names)} FROM {kept}\nUNION ALL SELECT {fields} FROM {rejected}"


def stamped(raw: str, relation: str, names: Sequence[str], witnesses: Sequence[Witness]) -> str:
    """Return SQL for the columns `names` of `relation` and one `known_at` per witness.

    `raw` is the table's name, by which key expressions may call it. The join is the expensive
    part: store its result once and take every cutoff from it with `masked`.
    """
    keys = "".join(
        f", ({expression}) AS {_key(number, position)}"
        for number, witness in enumerate(witnesses)
        for position, expression in enumerate(witness.table.rows_key)
    )
    stamps = "".join(
        f", {_join(number)}.known_at AS {witness.stamp}" for number, witness in enumerate(witnesses)
    )
    joins = "".join(_witness_join(number, witness) for number, witness in enumerate(witnesses))
    source = f"(SELECT *{keys} FROM {relation} AS {quote(raw)}) AS _rows"
    return f"SELECT {columns(tuple(names), '_rows')}{stamps}\nFROM {source}{joins}"


def masked(
    relation: str, names: Sequence[str], witnesses: Sequence[Witness], cutoff: datetime
) -> str:
    """Return SQL for the stamped `relation` as it was known at `cutoff`.

    A fact is NULL until the first table that declares it knows the row. A table without facts
    hides the whole row until it knows it; a row that none of these has is hidden until the first
    other table knows it. A fact or row that nobody knows is never shown.
    """
    for witness in witnesses:
        _check_facts(witness, names)
    moment = instant(cutoff)
    cells = ", ".join(_cell(name, witnesses, moment) for name in names)
    where = f"\nWHERE {_row_known(witnesses)} <= {moment}" if _whole(witnesses) else ""
    return f"SELECT {cells}\nFROM {relation}{where}"


def _join(number: int) -> str:
    return quote(f"_witness_{number}")


def _key(number: int, position: int) -> str:
    return quote(f"_key_{number}_{position}")


def _witness_join(number: int, witness: Witness) -> str:
    keys = ", ".join(
        f"{quote(name)} AS {_key(number, position)}"
        for position, name in enumerate(witness.table.key)
    )
    # One row per key, or a key that is both kept and rejected would multiply the raw rows.
    known = (
        f"(SELECT {keys}, max({quote(witness.table.known_at or '')}) AS known_at "
        f"FROM {witness.relation} GROUP BY ALL)"
    )
    match = " AND ".join(
        f"_rows.{_key(number, position)} IS NOT DISTINCT FROM "
        f"{_join(number)}.{_key(number, position)}"
        for position in range(len(witness.table.key))
    )
    return f"\nLEFT JOIN {known} AS {_join(number)} ON {match}"


def _whole(witnesses: Sequence[Witness]) -> list[Witness]:
    return [witness for witness in witnesses if not witness.table.facts]


def _row_known(witnesses: Sequence[Witness]) -> str:
    latest = ", ".join(witness.stamp for witness in _whole(witnesses))
    facts = ", ".join(witness.stamp for witness in witnesses if witness.table.facts)
    return f"coalesce(greatest({latest}), {f'least({facts})' if facts else 'NULL'})"


def _cell(name: str, witnesses: Sequence[Witness], moment: str) -> str:
    stamps = ", ".join(_stamps(name, witnesses))
    column = quote(name)
    return (
        f"CASE WHEN least({stamps}) <= {moment} THEN {column} END AS {column}" if stamps else column
    )


def _stamps(name: str, witnesses: Sequence[Witness]) -> Iterator[str]:
    for witness in witnesses:
        if name.lower() in {fact.lower() for fact in witness.table.facts}:
            yield witness.stamp


def _check_facts(witness: Witness, names: Sequence[str]) -> None:
    known = {name.lower() for name in names}
    for fact in witness.table.facts:
        if fact.lower() not in known:
            text = f"{witness.name} declares the fact {fact}, which {witness.table.rows} lacks."
            raise DeclarationError(text, f"Name a column of {witness.table.rows} under facts.")
