"""Accounting: each row of the driving table is kept, rejected, a duplicate or excluded, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_assets.sql.names import literal, quote
from ml_assets.words import counted

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
        more = f" and {count - len(keys)} more" if count > len(keys) else ""
        return f"{self.table}: {counted(count, 'key')} {fate}: {', '.join(keys)}{more}."


def nothing(table: str) -> Accounting:
    """Return the accounting of a slice of which no row was looked at."""
    return Accounting(table=table, driving="", rows=0, kept=0, rejected=0, duplicates=0)


def all_kept(table: str, driving: str, rows: int) -> Accounting:
    """Return the accounting of a slice that has one row for each of `driving`."""
    return Accounting(table=table, driving=driving, rows=rows, kept=rows, rejected=0, duplicates=0)


def account(table: CleanedTable | FeatureTable, driving: str, kept: str, rejected: str) -> str:
    """Return SQL for one row per `_partition` that has rows: it and what `Accounting.of` reads.

    Every relation has `_partition`: `driving` with the rows that a rule excludes, `kept` with the
    key columns, `rejected` with the key columns and `reason`.
    """
    keys = ", ".join(quote(_alias(position)) for position in range(len(table.key)))
    outputs = ", ".join(
        f"{quote(name)} AS {quote(_alias(position))}" for position, name in enumerate(table.key)
    )
    rules = [quote(_rule(number)) for number in range(len(table.exclude))]
    none = "".join(f", false AS {rule}" for rule in rules)
    sums = "".join(f", count(*) FILTER ({rule}) AS {rule}" for rule in rules)
    moved = ", ".join(f'sum("{name}") AS "{name}"' for name in ("_in", "_kept", "_out"))
    return f"""WITH "_rejected" AS MATERIALIZED (
  SELECT "_partition", {outputs}, "reason" AS "_reason" FROM {rejected}
),
"_moves" AS (
  {_driving(table, driving)}
  UNION ALL SELECT "_partition", {outputs}, 0, 1, 0{none} FROM {kept}
  UNION ALL SELECT "_partition", {keys}, 0, 0, 1{none} FROM "_rejected"
),
"_keys" AS (
  SELECT "_partition", {keys}, {moved}{sums}
  FROM "_moves" GROUP BY ALL
),
"_fates" AS (
  SELECT "_partition",
    (sum("_in"){"".join(f" + sum({rule})" for rule in rules)})::BIGINT AS "rows",
    sum("_kept")::BIGINT AS "kept",
    sum("_out")::BIGINT AS "rejected",
    coalesce(sum("_in" - 1) FILTER ("_in" > 0), 0)::BIGINT AS "duplicates",
    {_excluded_counts(table)} AS "excluded",
    {_sample(table, "lost", '"_in" > 0 AND "_kept" + "_out" = 0')},
    {_sample(table, "fan_out", '"_in" > 0 AND "_kept" + "_out" > 1')},
    {_sample(table, "invented", '"_in" = 0 AND "_kept" + "_out" > 0')}
  FROM "_keys" GROUP BY "_partition"
),
"_reasons" AS (
  SELECT "_partition",
    map_from_entries(list(("_reason", "_n") ORDER BY "_n" DESC, "_reason")) AS "_why"
  FROM (SELECT "_partition", "_reason", count(*) AS "_n" FROM "_rejected" GROUP BY ALL)
  GROUP BY "_partition"
)
SELECT "_fates".*, coalesce("_why", MAP {{}}) AS "reasons" FROM "_fates"
LEFT JOIN "_reasons" ON "_fates"."_partition" IS NOT DISTINCT FROM "_reasons"."_partition"
"""


def _alias(position: int) -> str:
    return f"_key_{position}"


def _rule(number: int) -> str:
    return f"_excluded_{number}"


def _driving(table: CleanedTable | FeatureTable, relation: str) -> str:
    """Return the driving rows as moves: in, or left out by the first rule that holds."""
    keys = ", ".join(
        f"({expression}) AS {quote(_alias(position))}"
        for position, expression in enumerate(table.rows_key)
    )
    cases = " ".join(f"WHEN ({rule}) THEN {n}" for n, rule in enumerate(table.exclude.values()))
    left_out = f"CASE {cases} END" if cases else "NULL"
    marks = "".join(
        f', coalesce("_rule" = {n}, false) AS {quote(_rule(n))}' for n in range(len(table.exclude))
    )
    alias = quote(table.rows.rpartition(".")[2])
    names = ", ".join(quote(_alias(position)) for position in range(len(table.key)))
    return (
        f'SELECT "_partition", {names}, ("_rule" IS NULL)::INTEGER AS "_in", 0 AS "_kept",'
        f' 0 AS "_out"{marks} FROM (SELECT "_partition", {keys}, {left_out} AS "_rule"'
        f" FROM {relation} AS {alias})"
    )


def _excluded_counts(table: CleanedTable | FeatureTable) -> str:
    entries = ", ".join(
        f"{literal(reason)}: sum({quote(_rule(number))})::BIGINT"
        for number, reason in enumerate(table.exclude)
    )
    return f"MAP {{{entries}}}"


def _sample(table: CleanedTable | FeatureTable, name: str, condition: str) -> str:
    """Return SQL for the count of keys under `condition` and the first few of them as text."""
    parts = ", ', ', ".join(
        f"{literal(key + '=')}, coalesce(CAST({quote(_alias(position))} AS VARCHAR), 'NULL')"
        for position, key in enumerate(table.key)
    )
    # CASE, not FILTER: the text is made for the keys at fault only.
    text = f"CASE WHEN {condition} THEN concat('(', {parts}, ')') END"
    return f'count(*) FILTER ({condition}) AS "{name}", min({text}, {EXAMPLES}) AS "{name}_keys"'
