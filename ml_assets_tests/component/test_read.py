"""Each case breaks a good defs.yaml in one place; the message names that line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml_assets.component.folder import load_folder
from ml_assets.component.read import read_declaration
from ml_assets.errors import DeclarationError
from ml_assets_tests.automation.sandbox import SHOP, edit

if TYPE_CHECKING:
    from pathlib import Path

UNREADABLE = [
    ("owners: [", "owners: ]", "the YAML cannot be read"),
    ("trials: 1", "trials: 1, trials: 2", "the key 'trials' stands here a second time"),
    (
        "minimum_rows: 100",
        "minimum_row: 100",
        "model.minimum_row: unknown key. Did you mean 'minim",
    ),
    ("kg, min: 0", "kg, mini: 0", "cleaned.orders.columns.weight.mini: unknown key. Did you mean"),
    ("every: month", "zzz: month", "partitions.zzz: unknown key. Known here: end, every, start."),
    ("every: month", "every: year", "Input should be 'day', 'week' or 'month', not 'year'"),
    ("trials: 1", "trials: many", "model.tuning.trials: Input should be a valid integer"),
    ("rejected: 0.1", "rejected: 3", "raw.orders.limits.rejected: Input should be less than or"),
    ("label:\n    table", "label:\n    tabel", "label.table: this key is missing"),
    ("[north, south, west]", "{north: 1}", "cleaned.orders.columns.region.allowed: Input should"),
    ("enabled: false", "enabled: perhaps", "schedule.enabled: Input should be a valid boolean"),
]
UNFIT = [
    ("team:shop", "shop", "'shop' is no owner"),
    ("0 6 * * *", "0 66 * * *", "schedule.cron '0 66 * * *' is no cron expression"),
    ("Europe/Berlin", "Europe/Nowhere", "time_zone 'Europe/Nowhere' is not an IANA time zone"),
    ('start: "2024-01"', 'start: "2024-1x"', "'2024-1x' is not the key of a month"),
    ('end: "2024-03"', 'end: "2023-03"', "partitions end at 2023-03, before they start"),
    ("table: cleaned.deliveries", "table: cleaned.delivery", "no table 'cleaned.delivery'"),
    ("kind: files", "kind: file", "raw.orders: source: 'file' is no kind of source"),
    ("region: VARCHAR", "region: VARCHARR", "raw.orders.region has the type 'VARCHARR'"),
    (
        "time: ordered_at\n      limits",
        "time: orderd\n      limits",
        "'orderd' cannot be read over",
    ),
    ("rows_key: [id]", "rows_key: [idx]", "'idx' cannot be read over raw.orders"),
    ("delivered_at IS NULL", "delivered IS NULL", "'delivered IS NULL' cannot be read over"),
    ("value: late", "value: lat", "label: 'lat' cannot be read over cleaned.deliveries"),
    ("facts: [delivered_at", "facts: [arrived_at", "lists the fact 'arrived_at'"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SHOP, tmp_path / "shop")


def broken(folder: Path, old: str, new: str) -> tuple[DeclarationError, int]:
    """Return the error after the change, and the number of the changed line."""
    path = folder / "defs.yaml"
    line = path.read_text().partition(old)[0].count("\n") + 1
    edit(path, (old, new))
    with pytest.raises(DeclarationError) as caught:
        load_folder(folder)
    return caught.value, line


@pytest.mark.parametrize(("old", "new", "text"), UNREADABLE)
def test_a_wrong_key_or_value_is_named_with_its_line(
    folder: Path, old: str, new: str, text: str
) -> None:
    error, line = broken(folder, old, new)
    assert error.fact.startswith(f"{folder}/defs.yaml:{line}: "), error
    assert text in error.fact
    assert error.hint


@pytest.mark.parametrize(("old", "new", "text"), UNFIT)
def test_what_cannot_run_is_refused_at_load_with_its_line(
    folder: Path, old: str, new: str, text: str
) -> None:
    error, line = broken(folder, old, new)
    assert text in error.fact
    if "before they start" not in text:
        assert error.fact.startswith(f"{folder}/defs.yaml:{line}: "), error


def test_every_fault_of_a_file_is_told_at_once(folder: Path) -> None:
    path = folder / "defs.yaml"
    edit(path, ("trials: 1", "trials: many"), ("rejected: 0.1", "rejected: 3"))
    with pytest.raises(DeclarationError) as caught:
        read_declaration(path)
    told = [row.removeprefix(f"{path}:") for row in caught.value.fact.splitlines()]
    assert [row.split(": ")[:2] for row in told] == [
        ["16", "model.tuning.trials"],
        ["25", "raw.orders.limits.rejected"],
    ]


VISITS = """\
    visits:
      description: Visits of the page of an order.
      source: {kind: files, path: visits.csv}
      time: visited_at
      columns: {id: INTEGER, visited_at: TIMESTAMPTZ}
  cleaned:
"""


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "      event_time: ordered_at\n      known_at: known_at\n",
            "",
            "cleaned.orders has no known_at, and is not declared static.",
        ),
        (
            "      prediction_time: prediction_time\n",
            "",
            "features.orders has no prediction_time, and is not declared static.",
        ),
        (
            "  cleaned:\n",
            VISITS,
            "raw.visits has the time visited_at and is read by cleaned.orders, but no cleaned",
        ),
        (
            "      known_at: known_at\n",
            "      known_at: known_at\n      static: true\n",
            "cleaned.orders is declared static, but has the known_at.",
        ),
        (
            "      event_time: ordered_at\n      known_at: known_at\n",
            "      static: true\n",
            "cleaned.orders is declared static, but has the time ordered_at.",
        ),
    ],
    ids=["cleaned", "features", "raw", "known", "timed"],
)
def test_events_of_which_nobody_says_when_they_were_known_are_refused(
    folder: Path, old: str, new: str, text: str
) -> None:
    """As static tables they would never be hidden, and a leak through them never found."""
    if "visits" in new:
        edit(
            folder / "cleaned" / "orders.sql",
            ("FROM raw.orders", "FROM raw.orders LEFT JOIN raw.visits USING (id)"),
        )
    edit(folder / "defs.yaml", (old, new))
    with pytest.raises(DeclarationError) as caught:
        load_folder(folder)
    assert f": {text}" in caught.value.fact
    table = text.split()[0]
    line = int(caught.value.fact.split(":")[1])
    declared = (folder / "defs.yaml").read_text().splitlines()[line - 1]
    assert declared == f"    {table.partition('.')[2]}:"


def test_a_declared_table_without_its_select_is_named_where_it_is_declared(folder: Path) -> None:
    (folder / "cleaned" / "orders.sql").unlink()
    with pytest.raises(
        DeclarationError, match=r"defs\.yaml:34: cleaned\.orders is declared"
    ) as one:
        load_folder(folder)
    assert str(folder / "cleaned" / "orders.sql") in one.value.hint


def test_a_select_that_cannot_be_read_is_named_by_its_own_file(folder: Path) -> None:
    path = folder / "features" / "orders.sql"
    path.write_text("SELECT id\nFROM cleaned.orders WHERE (")
    with pytest.raises(DeclarationError, match=rf"^{path}:2: "):
        load_folder(folder)


def test_a_table_that_is_not_there_is_named_where_the_select_reads_it(folder: Path) -> None:
    path = folder / "features" / "orders.sql"
    path.write_text("SELECT id\nFROM cleaned.order")
    with pytest.raises(DeclarationError, match=rf"^{path}:2: .* has no table 'cleaned.order'"):
        load_folder(folder)


def test_a_baseline_that_cannot_be_read_is_named_by_its_own_file(folder: Path) -> None:
    (folder / "own.py").write_text("def fit(label):\n    return (\n")
    edit(folder / "defs.yaml", ("minimum_rows:", "baselines: [own.py]\n    minimum_rows:"))
    with pytest.raises(DeclarationError, match=rf"^{folder}/own.py:2: SyntaxError"):
        load_folder(folder)


def test_a_select_that_nobody_declared_is_refused(folder: Path) -> None:
    (folder / "cleaned" / "more.sql").write_text("SELECT 1")
    with pytest.raises(DeclarationError, match=r"cleaned/more\.sql is not declared"):
        load_folder(folder)


@pytest.mark.parametrize("name", ["main", "raw", "memory", "has-dash", "1st"])
def test_a_reserved_or_unusable_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(SHOP, tmp_path / name)
    with pytest.raises(DeclarationError, match=f"defs.yaml:1: '{name}' is .* Rename the folder"):
        load_folder(folder)


@pytest.mark.parametrize("text", ["", "- a list", "type: other.Component"])
def test_a_file_of_another_type_is_refused(folder: Path, text: str) -> None:
    (folder / "defs.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=r"Write `type: ml_assets\.component\.MLPipeline`"):
        load_folder(folder)


def test_the_good_one_loads(folder: Path) -> None:
    assert next(node.dotted for node in load_folder(folder).ordered) == "raw.orders"
