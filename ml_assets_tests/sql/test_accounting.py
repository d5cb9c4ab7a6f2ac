from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.sql.accounting import Accounting, account, nothing
from ml_assets.sql.tables import CleanedTable, Column, FeatureTable

if TYPE_CHECKING:
    from random import Random

TABLE = CleanedTable(
    description="",
    rows="raw.flights",
    rows_key=("flights.day + 0", "nullif(carrier, '')"),
    key=("flight_day", "carrier"),
    exclude={"cancelled": "dep IS NULL", "diverted": "dep < 0"},
    columns={"flight_day": Column(type="INTEGER"), "carrier": Column(type="VARCHAR")},
)
SLICED = tuple(
    f"(SELECT *, 'a slice' AS _partition FROM {name})" for name in ("driving", "kept", "rejected")
)
Row = tuple[int | None, str, int | None]
Key = tuple[int | None, str | None]
CON = duckdb.connect()
CON.execute("CREATE TABLE driving (day INTEGER, carrier VARCHAR, dep INTEGER)")
CON.execute("CREATE TABLE kept (flight_day INTEGER, carrier VARCHAR)")
CON.execute("CREATE TABLE rejected (flight_day INTEGER, carrier VARCHAR, reason VARCHAR)")


def accounted(driving: list[Row], kept: list[Key], rejected: list[Key]) -> Accounting:
    fill("driving", driving)
    fill("kept", kept)
    fill("rejected", [(*key, "bad") for key in rejected])
    return answer(account(TABLE, *SLICED))


def fill(table: str, rows: list[Any]) -> None:
    CON.execute(f"DELETE FROM {table}")
    for row in rows:
        CON.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def answer(sql: str) -> Accounting:
    result = CON.sql(sql)
    found = {row[0]: row[1:] for row in result.fetchall()}
    assert set(found) <= {"a slice"}
    if not found:
        return nothing("cleaned.t")
    named = dict(zip(result.columns[1:], found["a slice"], strict=True))
    return Accounting.of("cleaned.t", "raw.flights", named)


def test_every_row_has_one_fate() -> None:
    driving: list[Row] = [
        (1, "AA", 5), (1, "AA", 6), (1, "UA", None), (2, "UA", -1), (2, "DL", 3), (3, "DL", 3)
    ]  # fmt: skip
    found = accounted(driving, [(1, "AA"), (2, "DL")], [(3, "DL")])
    assert found == Accounting(
        table="cleaned.t",
        driving="raw.flights",
        rows=6,
        kept=2,
        rejected=1,
        duplicates=1,
        excluded={"cancelled": 1, "diverted": 1},
        reasons={"bad": 1},
    )
    assert found.balance == 0
    assert found.faults() == []


def test_the_first_exclusion_that_holds_names_the_reason() -> None:
    table = TABLE.__class__(**{**TABLE.__dict__, "exclude": {"a": "true", "b": "true"}})
    fill("driving", [(1, "AA", 5)])
    fill("kept", [])
    fill("rejected", [])
    assert answer(account(table, *SLICED)).excluded == {"a": 1, "b": 0}


def test_an_empty_slice_is_accounted_for() -> None:
    found = accounted([], [], [])
    assert (found.rows, found.kept, found.balance, found.faults()) == (0, 0, 0, [])


def test_lost_keys_are_named() -> None:
    driving: list[Row] = [(day, "AA", 1) for day in range(7)]
    found = accounted(driving, [], [])
    assert found.lost == 7
    assert found.balance == 7
    assert found.faults() == [
        "cleaned.t: 7 keys of raw.flights neither kept, rejected nor excluded: "
        + ", ".join(f"(flight_day={day}, carrier=AA)" for day in range(5))
        + " and 2 more."
    ]


def test_fan_out_is_named_also_between_kept_and_rejected() -> None:
    found = accounted([(1, "AA", 1), (2, "AA", 1)], [(1, "AA"), (2, "AA")], [(1, "AA")])
    assert found.faults() == [
        "cleaned.t: 1 key of raw.flights more than once in the output: (flight_day=1, carrier=AA)."
    ]


def test_an_excluded_key_that_comes_back_is_invented() -> None:
    (fault,) = accounted([(1, "AA", None)], [(1, "AA")], []).faults()
    assert "1 key in the output but not among the rows of raw.flights" in fault


def test_one_lost_and_one_invented_do_not_cancel_out() -> None:
    found = accounted([(1, "AA", 1)], [(2, "AA")], [])
    assert found.balance == 0
    assert len(found.faults()) == 2


def test_null_keys_match_each_other() -> None:
    found = accounted([(None, "", 1)], [], [(None, None)])
    assert found.faults() == []
    lost = accounted([(None, "", 1)], [], [])
    assert lost.lost_keys == ("(flight_day=NULL, carrier=NULL)",)


def test_numbers_that_do_not_add_up_are_a_fault_by_themselves() -> None:
    odd = Accounting(table="t", driving="raw.f", rows=3, kept=1, rejected=1, duplicates=0)
    assert odd.faults() == ["t: 3 rows of raw.f, 1 of them unaccounted for."]


def test_a_feature_table_is_accounted_from_its_cleaned_table() -> None:
    table = FeatureTable(
        description="", rows="cleaned.t", key=("flight_day", "carrier"), columns=TABLE.columns
    )
    fill("kept", [(1, "AA")])
    fill("rejected", [])
    found = answer(account(table, SLICED[1], *SLICED[1:]))
    assert (found.rows, found.kept, found.excluded, found.faults()) == (1, 1, {}, [])


ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 4), st.sampled_from(["", "a"]), st.none() | st.integers(-1, 1)
    ),
    max_size=12,
)


def shown(driving: list[Row]) -> list[Key]:
    keys = [(day, carrier or None) for day, carrier, dep in driving if dep is not None and dep >= 0]
    return sorted(set(keys), key=str)


@pytest.mark.slow
@given(ROWS, st.randoms(use_true_random=False))
def test_an_honest_select_always_balances(driving: list[Row], random: Random) -> None:
    keys = shown(driving)
    rejected = [key for key in keys if random.random() < 0.3]
    kept = [key for key in keys if key not in rejected]
    found = accounted(driving, kept, rejected)
    assert found.faults() == []
    assert found.rows == len(driving)
    assert (found.kept, found.rejected) == (len(kept), len(rejected))
    assert found.duplicates == found.rows - sum(found.excluded.values()) - len(keys)


@pytest.mark.slow
@given(
    ROWS,
    st.lists(st.tuples(st.none() | st.integers(0, 6), st.sampled_from([None, "a"]))),
    st.integers(0, 8),
)
def test_nothing_but_one_row_per_key_balances(
    driving: list[Row], output: list[Key], split: int
) -> None:
    found = accounted(driving, output[:split], output[split:])
    honest = sorted(output, key=str) == shown(driving)
    assert (found.faults() == []) == honest
    assert (found.lost + found.fan_out + found.invented == 0) == honest


@pytest.mark.parametrize("count", [1, 6])
def test_examples_are_at_most_five(count: int) -> None:
    found = accounted([(n, "a", 1) for n in range(count)], [], [])
    assert len(found.lost_keys) == min(count, 5)
