from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import duckdb
import pytest
import yaml
from jsonschema import Draft202012Validator

from ml_assets import clock
from ml_assets.component.folder import load_folder
from ml_assets.errors import DeclarationError
from ml_assets.reference.files import SCHEMA_FILE
from ml_assets.scaffold.choose import Said, draft_from
from ml_assets.scaffold.table import read_table
from ml_assets.scaffold.write import write_pipeline
from ml_assets.sql.tables import CleanedTable
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import summarise
from ml_assets_tests.sandbox import Sandbox, build_all
from ml_assets_tests.scaffold.tables import write_orders, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.warehouse.settings import Settings

HARD = """
    SELECT
        strftime(DATE '2020-01-31' + range::INT, '%d.%m.%Y') AS "Order",
        'shop ''' || range % 3 AS "select",
        CASE WHEN range % 9 > 0 THEN hash(range) % 100 / 10 END AS "the ""amount"" (€)",
        'ä' || hash(range) % 2 AS known_at,
        -(hash(range + 1) % 50)::INT AS "2nd",
        true AS yes
    FROM range(800)
"""
"""Names that are keywords, quotes in names and values, a German date, NULL targets."""


def make(root: Path, path: str, said: Said) -> Sandbox:
    box = Sandbox(root, "made")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        draft = draft_from(con, "made", read_table(con, path), said, None)
    write_pipeline(draft, box.folder)
    return box


@pytest.fixture
def box(tmp_path: Path, settings: Settings, request: pytest.FixtureRequest) -> Sandbox:
    """A pipeline made of one of the tables, by its name."""
    if request.param == "orders":
        path = write_orders(tmp_path / "orders.csv")
        return make(tmp_path / "box", path, Said(target="late", delay="2 days"))
    if request.param == "parquet":
        path = write_orders(tmp_path / "orders.parquet")
        return make(tmp_path / "box", path, Said(target="amount", zone="America/New_York"))
    path = write_rows(tmp_path / "hard.csv", HARD)
    return make(tmp_path / "box", path, Said(target='the "amount" (€)', zone="Europe/Berlin"))


GERMAN = """
    SELECT
        strftime(DATE '2023-01-31' + (range // 3)::INT, '%d.%m.%Y') AS "Tag",
        range AS "Nummer",
        replace((hash(range) % 10000 / 100)::VARCHAR, '.', ',') AS "Preis",
        CASE WHEN range % 50 = 0 THEN 'n/a'
            ELSE '1.' || lpad((hash(range + 1) % 1000)::VARCHAR, 3, '0') || ',5' END AS "Umsatz",
        hash(range + 2) % 2 AS "Zurückgesandt?"
    FROM range(1200)
"""
"""Decimal commas, dots between thousands, and a word for what is missing."""


@pytest.mark.slow
def test_numbers_with_a_decimal_comma_are_numbers(tmp_path: Path, settings: Settings) -> None:
    path = write_rows(tmp_path / "german.csv", GERMAN)
    box = make(tmp_path / "box", path, Said(target="Zurückgesandt?"))
    assert {"preis", "umsatz"} <= {*feature_names(box.pipeline)}
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
        (found,) = con.execute(
            "SELECT sum(preis), count(umsatz), min(umsatz) >= 1000 FROM made.features.german"
        ).fetchall()
        (wanted,) = con.execute("SELECT sum(hash(range) % 10000 / 100) FROM range(1200)").fetchall()
    assert found == (pytest.approx(wanted[0]), 1176, True)


def test_a_raw_column_that_the_platform_adds_is_refused(tmp_path: Path) -> None:
    box = make(tmp_path / "box", write_orders(tmp_path / "orders.csv"), Said(target="late"))
    box.declare(lambda declared: declared["raw"]["orders"]["columns"].update(_partition="VARCHAR"))
    with pytest.raises(DeclarationError, match=r"raw\.orders declares a column _partition, which"):
        _ = box.pipeline


ALL = pytest.mark.parametrize("box", ["orders", "parquet", "hard"], indirect=True)


@ALL
def test_the_pipeline_is_built_and_has_labels(box: Sandbox) -> None:
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
        found = summarise(con, box.pipeline, clock.now())
    assert found.entities in (800, 4000)
    assert found.rows + found.without_label == found.entities
    assert found.rows > 0.85 * found.entities


@ALL
def test_what_was_written_fits_the_schema_and_the_rules_of_the_house(box: Sandbox) -> None:
    text = (box.folder / "defs.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../defs.schema.json\n")
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert [*Draft202012Validator(schema).iter_errors(yaml.safe_load(text))] == []
    pipeline = load_folder(box.folder)
    label = pipeline.node(pipeline.declaration.label.table).declared
    assert isinstance(label, CleanedTable)
    assert not {*feature_names(pipeline)} & {*label.facts}
    assert all(
        column.description
        for node in pipeline.nodes.values()
        for column in node.declared.columns.values()
    )


@pytest.mark.parametrize("box", ["orders"], indirect=True)
def test_the_target_is_known_after_its_delay_and_not_before(box: Sandbox) -> None:
    with contextlib.chdir(box.root), box.lake() as con:
        build_all(con, box.pipeline)
        rows = con.execute(
            "SELECT DISTINCT o.known_at - o.placed, r.known_at - r.placed"
            " FROM made.cleaned.outcomes AS o JOIN made.cleaned.orders AS r USING (order_id)"
        ).fetchall()
    assert [(after.days, at.days) for after, at in rows] == [(2, 0)]


@pytest.mark.slow
def test_the_next_days_of_the_same_kind_are_kept(tmp_path: Path, settings: Settings) -> None:
    """What was inferred from half of the rows rejects none of the other half."""
    half = write_orders(tmp_path / "half.csv", where="order_id < 2000")
    early = make(tmp_path / "early", half, Said(target="late"))
    write_orders(tmp_path / "half.csv")
    early.declare(lambda declared: declared["partitions"].update(end="2024-04-15"))
    with contextlib.chdir(early.root), early.lake() as con:
        build_all(con, early.pipeline)
        kept = con.execute("SELECT count(*) FROM made.cleaned.half").fetchall()
    assert kept == [(4000,)]


def test_nothing_is_left_of_a_pipeline_that_cannot_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> dict[str, str]:
        return {"defs.yaml": "type: other\n"}

    monkeypatch.setattr("ml_assets.scaffold.write.files", broken)
    path = write_orders(tmp_path / "orders.csv")
    with pytest.raises(Exception, match="does not start with its type"):
        make(tmp_path / "box", path, Said(target="late"))
    assert not (tmp_path / "box" / "made").exists()
