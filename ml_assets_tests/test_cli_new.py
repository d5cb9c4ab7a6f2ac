"""`ml-assets new` in a sandbox: said in full, asked for at a terminal, and refused."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from ml_assets_tests.automation.sandbox import Listener, Sandbox, make_sandbox
from ml_assets_tests.scaffold.tables import write_orders

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = make_sandbox(tmp_path_factory.mktemp("new"))
    write_orders(sandbox.folder / "orders.csv")
    return sandbox


@pytest.fixture(scope="module")
def cli(sandbox: Sandbox) -> Iterator[Listener]:
    listener = Listener(sandbox)
    yield listener
    listener.close()


@pytest.mark.slow
def test_a_pipeline_is_made_and_due(cli: Listener, sandbox: Sandbox) -> None:
    told = cli("new", "late", "--from", "orders.csv", "--target", "late", "--delay", "2 days")
    assert told.code == 0, told.text
    assert "late: 4,000 rows of orders.csv, 2024-01-01 to 2024-04-15" in told.out
    assert "predicts    late = 'yes' (binary), known 2 days later" in told.out
    assert "left out    customer_id: an identifier, 500 values" in told.out
    assert "warning     compensation is taken as known with late" in told.out
    assert "ml-assets run late" in told.out
    folder = sandbox.pipelines / "late"
    assert sorted(path.name for path in folder.rglob("*.*")) == [
        *("defs.yaml", "orders.sql", "orders.sql", "outcomes.sql"),
    ]
    assert "path: orders.csv" in (folder / "defs.yaml").read_text()
    plan = cli("plan", "late")
    assert plan.code == 0, plan.text
    assert "raw.orders               2024-01-01 never built" in plan.out


def test_the_example_in_the_help_is_a_line_of_its_own(cli: Listener) -> None:
    told = cli("new", "--help").out
    assert "\\b" not in told
    assert "\n  ml-assets new rain --from weather.csv --target weather --positive rain\n" in told


@pytest.mark.slow
def test_what_the_platform_will_be_silent_about_is_said(cli: Listener, sandbox: Sandbox) -> None:
    """A row every third day, some of them to come, words among numbers, and many columns."""
    with duckdb.connect() as con:
        many = ", ".join(f"hash(range + {n}) % 7 AS x{n}" for n in range(40))
        con.execute(
            f"COPY (SELECT today() + (range * 3 - 1500)::INT AS day, hash(range) % 9 AS sold,"
            f" CASE WHEN range % 80 = 0 THEN 'unknown' ELSE (range * 7)::VARCHAR END AS weight,"
            f" {many} FROM range(510)) TO '{sandbox.folder}/sparse.csv'"
        )
    told = cli("new", "sparse", "--from", "sparse.csv", "--target", "sold").out
    assert "warning     9 rows are later than now: the split is sized without them" in told
    assert "rows on 9 days in four weeks, 14 needed: drift and performance will be silent" in told
    assert "weight: text, for not all values are numbers: 'unknown'; write nothing" in told
    assert "x29 and" in told


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["raw", "--target", "late"], "'raw' is a reserved name"),
        (["x"], "No --target was given"),
        (["x", "--target", "currency"], "one value in all rows"),
        (["x", "--target", "late", "--key", "customer_id"], "stand in several rows that differ"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    cli: Listener, sandbox: Sandbox, arguments: list[str], text: str
) -> None:
    told = cli("new", *arguments, "--from", "orders.csv")
    assert told.code == 1
    assert told.err.startswith("Error: ")
    assert text in told.err
    assert "Traceback" not in told.err
    assert not (sandbox.pipelines / "x").exists()


def test_a_name_is_taken_once(cli: Listener) -> None:
    arguments = ("new", "twice", "--from", "orders.csv", "--target", "amount")
    assert cli(*arguments).code == 0
    assert "There is a pipeline 'twice' already" in cli(*arguments).err


@pytest.mark.slow
def test_at_a_terminal_it_asks(sandbox: Sandbox) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_assets.cli", "new", "asked", "--from", "orders.csv"],
        cwd=sandbox.folder,
        env=sandbox.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, b"\nlate\nno\n\n7 days\n")
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, out
    assert "Which column says when a row happened? [placed]: " in out
    assert "predicts    late = 'no' (binary), known 7 days later" in out


@pytest.mark.slow
def test_from_a_table_to_a_reported_model(sandbox: Sandbox) -> None:
    made = sandbox.cli("new", "whole", "--from", "orders.csv", "--target", "late")
    assert made.code == 0, made.text
    told = sandbox.cli("run", "whole")
    assert told.code == 0, told.text
    assert "whole version 1 (champion)" in told.out
    assert (sandbox.data / "reports" / "whole.html").is_file()
    listed = sandbox.cli("list").out.splitlines()[-1].split(maxsplit=1)
    assert listed == ["whole", "tables up to date, version 1 live"]
