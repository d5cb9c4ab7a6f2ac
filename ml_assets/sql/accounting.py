"""Accounting: each row of the driving table is kept, rejected, a duplicate or excluded, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_assets.sql.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_assets.sql.tables import CleanedTable, FeatureTable

EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """Where the rows of `driving` went in one slice of `table`, and the keys that broke the sum."""

    table: str
    driving: str
    rows: int
    kept: int
    rejected: int
    duplicates: int
    excluded: dict[str, int] = field(default_factory=dict)
    """Rows per declared reason, every reason present."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Rejected rows per reason."""
    lost: int = 0
    """Keys of the driving table that came out nowhere, up to five of them in `lost_keys`."""
    lost_keys: tuple[str, ...] = ()
    fan_out: int = 0
    """Keys of the driving table with more than one row in the output."""
    fan_out_keys: tuple[str, ...] = ()
    invented: int = 0
    """Keys of the output that the driving table does not have."""
    invented_keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: str, driving: str, row: Mapping[str, Any]) -> Accounting:
        """Return the accounting from the one row that the SQL of `account` answers."""
        counts: dict[str, Any] = {
            name: tuple(value or ()) if name.endswith("_keys") else value
            for name, value in row.items()
        }
        return cls(table=table, driving=driving, **counts)

    @property
    def balance(self) -> int:
        """Rows of the driving table minus all that became of them; 0 when it adds up."""
        gone = self.duplicates + sum(self.excluded.values())
        return self.rows - self.kept - self.rejected - gone

    def faults(self) -> list[str]:
        """Return what is wrong, each with table, count and keys; empty when all is accounted."""
        faults = []
        if self.lost:
            fate = f"of {self.driving} neither kept, rejected nor excluded"
            faults.append(self._fault(self.lost, fate, self.lost_keys))
        if self.fan_out:
            fate = f"of {self.driving} more than once in the output"
            faults.append(self._fault(self.fan_out, fate, self.fan_out_keys))
        if self.invented:
            fate = f"in the output but not among the rows of {self.driving} it may use"
            faults.append(self._fault(self.invented, fate, self.invented_keys))
        if self.balance and not faults:
            fate = f"{self.rows} rows of {self.driving}, {self.balance} of them unaccounted for"
            faults.append(f"{self.table}: {fate}.")
        return faults

    def _fault(self, count: int, fate: str, keys: Sequence[str]) -> str:
        noun = "key" if count == 1 else "keys"
        more = f" and {count - len(keys)} more" if count > len(keys) else ""
        return f"{self.table}: {count} {noun} {fate}: {', '.join(keys)}{more}."


def nothing(table: str) -> Accounting:
    """Return the accounting of a slice of which no row was looked at."""
    return Accounting(table=table, driving="", rows=0, kept=0, rejected=0, duplicates=0)


def account(table: CleanedTable | FeatureTable, driving: str, kept: str, rejected: str) -> str:
    """Return SQL for the one row that `Accounting.of` reads.

    `driving` is the relation of the slice's rows with those that a rule excludes; `kept` has the
    key columns, `rejected` the key columns and `reason`.
    """
    keys = ", ".join(quote(_alias(position)) for position in range(len(table.key)))
    outputs = ", ".join(
        f"{quote(name)} AS {quote(_alias(position))}" for position, name in enumerate(table.key)
    )
    return f"""WITH "_driving" AS MATERIALIZED (
  {_driving(table, driving)}
),
"_rejected" AS MATERIALIZED (SELECT {outputs}, "reason" AS "_reason" FROM {rejected}),
"_moves" AS (
  SELECT {keys}, 1 AS "_in", 0 AS "_kept", 0 AS "_out" FROM "_driving" WHERE "_excluded" IS NULL
  UNION ALL SELECT {outputs}, 0, 1, 0 FROM {kept}
  UNION ALL SELECT {keys}, 0, 0, 1 FROM "_rejected"
),
"_keys" AS (
  SELECT {keys}, sum("_in") AS "_in", sum("_kept") AS "_kept", sum("_out") AS "_out"
  FROM "_moves" GROUP BY ALL
)
SELECT
  (SELECT count(*) FROM "_driving") AS "rows",
  coalesce(sum("_kept"), 0)::BIGINT AS "kept",
  coalesce(sum("_out"), 0)::BIGINT AS "rejected",
  coalesce(sum("_in" - 1) FILTER ("_in" > 0), 0)::BIGINT AS "duplicates",
  {_excluded_counts(table)} AS "excluded",
  {_reason_counts()} AS "reasons",
  {_sample(table, "lost", '"_in" > 0 AND "_kept" + "_out" = 0')},
  {_sample(table, "fan_out", '"_in" > 0 AND "_kept" + "_out" > 1')},
  {_sample(table, "invented", '"_in" = 0')}
FROM "_keys"
"""


def _alias(position: int) -> str:
    return f"_key_{position}"


def _driving(table: CleanedTable | FeatureTable, relation: str) -> str:
    keys = ", ".join(
        f"({expression}) AS {quote(_alias(position))}"
        for position, expression in enumerate(table.rows_key)
    )
    cases = " ".join(
        f"WHEN ({rule}) THEN {literal(reason)}" for reason, rule in table.exclude.items()
    )
    reason = f"CASE {cases} END" if cases else "CAST(NULL AS VARCHAR)"
    alias = quote(table.rows.rpartition(".")[2])
    return f'SELECT {keys}, {reason} AS "_excluded" FROM {relation} AS {alias}'


def _excluded_counts(table: CleanedTable | FeatureTable) -> str:
    entries = ", ".join(
        f"{literal(reason)}: "
        f'(SELECT count(*) FROM "_driving" WHERE "_excluded" = {literal(reason)})'
        for reason in table.exclude
    )
    return f"MAP {{{entries}}}"


def _reason_counts() -> str:
    counts = 'SELECT "_reason" AS r, count(*) AS n FROM "_rejected" GROUP BY r'
    pairs = "map_from_entries(list((r, n) ORDER BY n DESC, r))"
    return f"coalesce((SELECT {pairs} FROM ({counts})), MAP {{}})"


def _sample(table: CleanedTable | FeatureTable, name: str, condition: str) -> str:
    """Return SQL for the count of keys under `condition` and the first few of them as text."""
    parts = ", ', ', ".join(
        f"{literal(key + '=')}, coalesce(CAST({quote(_alias(position))} AS VARCHAR), 'NULL')"
        for position, key in enumerate(table.key)
    )
    # CASE, not FILTER: the text is made for the keys at fault only.
    text = f"CASE WHEN {condition} THEN concat('(', {parts}, ')') END"
    return f'count(*) FILTER ({condition}) AS "{name}", min({text}, {EXAMPLES}) AS "{name}_keys"'
