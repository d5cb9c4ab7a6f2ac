"""The command line in a sandbox: a small pipeline run once, then asked about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ml_assets.cli import main
from ml_assets_tests.automation.sandbox import SHOP, Answer, Listener, Sandbox, edit, shop_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = shop_sandbox(tmp_path_factory.mktemp("cli"))
    edit(sandbox.add("wrong", SHOP) / "defs.yaml", ("trials: 1", "trials: many"))
    return sandbox


@pytest.fixture(scope="module")
def cli(sandbox: Sandbox) -> Iterator[Listener]:
    listener = Listener(sandbox)
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def first(cli: Listener) -> Answer:
    """What the first run said."""
    return cli("run", "shop")


def refused(answer: Answer, *texts: str) -> None:
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("Error: ")
    assert "Traceback" not in answer.err
    for text in texts:
        assert text in answer.err


def test_help_names_every_command(cli: Listener) -> None:
    told = cli("--help")
    assert told.code == 0
    found = re.findall(r"^  (\w+)  ", told.out, re.MULTILINE)
    assert found == [
        *("backtest", "evaluate", "impact", "list", "maintain", "new", "plan", "promote"),
        *(
            "replay",
            "reproduce",
            "resume",
            "rollback",
            "run",
            "sql",
            "status",
            "trace",
            "ui",
            "why",
        ),
    ]
    for name in found:
        assert cli(name, "--help").code == 0


@pytest.mark.slow
def test_before_the_first_run_everything_is_due(cli: Listener) -> None:
    told = cli("plan", "shop")
    rows = [line.split(maxsplit=2) for line in told.out.splitlines()]
    assert [row[:2] for row in rows[:3]] == [["raw.orders", f"2024-0{n}"] for n in (1, 2, 3)]
    assert {row[2] for row in rows[:-1]} == {"never built"}
    assert rows[-1] == ["model", "-", "no version is registered"]
    refused(cli("sql", "shop", "FROM raw.orders"), "holds no data yet", "make run")


def test_a_run_tells_what_a_person_wants_to_read(first: Answer, sandbox: Sandbox) -> None:
    assert first.code == 0, first.text
    assert re.search(r"cleaned\.deliveries +2,160 +2,116 +44 .*lost", first.out)
    assert re.search(r"lightgbm\W+0\.\d{3}\W+0\.\d{3}(?:\W| to )+0\.\d{3}", first.out)
    for baseline in ("constant", "rate", "linear"):
        assert baseline in first.out
    assert "shop version 1 (champion)" in first.out
    report = sandbox.data / "reports" / "shop.html"
    assert str(report) in first.out
    assert report.is_file()
    assert re.search(r"^Champion  version 1$", first.out, re.MULTILINE)
    assert re.search(r"^Monitors  2024-03 ", first.out, re.MULTILINE)
    assert re.search(r"^Decision  .* (hold|retrain): ", first.out, re.MULTILINE)
    assert re.search(r"^Page      .*_loop\.html$", first.out, re.MULTILINE)
    assert "make ui" in first.out
    assert re.search(
        r"^\d\d:\d\d:\d\d shop/raw/orders +2024-01 to 2024-03: [0-9,]+ rows",
        first.err,
        re.MULTILINE,
    )


@pytest.mark.slow
def test_a_second_run_starts_nothing(cli: Listener, first: Answer, sandbox: Sandbox) -> None:
    before = sorted((sandbox.folder / ".dagster" / "storage").iterdir())
    second = cli("run", "shop")
    assert second.code == 0, second.text
    assert "shop is up to date." in second.out
    assert second.err == ""
    assert "shop version 1 (champion)" in second.out
    assert sorted((sandbox.folder / ".dagster" / "storage").iterdir()) == before
    assert cli("plan", "shop").out == "shop is up to date.\n"


def test_why_tells_the_decisions_and_status_the_loop(cli: Listener, first: Answer) -> None:
    told = cli("why", "shop")
    assert told.code == 0, told.text
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC (hold|retrain): ", told.out, re.MULTILINE)
    state = cli("status", "shop")
    assert state.code == 0, state.text
    assert "Champion  version 1" in state.out
    assert "Automation No daemon has run here yet" in state.out
    # Every monitor's line says what it is about.
    assert re.search(r"data_quality: ", state.out), state.out
    assert re.search(r"observed_expected: |calibration: ", state.out), state.out


def test_an_answer_shows_all_its_columns(cli: Listener, first: Answer) -> None:
    columns = ", ".join(f"{number} AS a_column_with_a_long_name_{number}" for number in range(30))
    told = cli("sql", "shop", f"SELECT {columns}")
    assert told.code == 0, told.text
    assert "a_column_with_a_long_name_15" in told.out
    assert "shown" not in told.out


@pytest.mark.slow
def test_a_slice_is_followed_down_and_a_prediction_up(cli: Listener, first: Answer) -> None:
    told = cli("impact", "shop.raw.orders", "2024-01")
    assert told.code == 0, told.text
    assert re.search(r"^cleaned\.orders +2024-01 +\d+ ", told.out, re.MULTILINE)
    assert re.search(r"^1 +champion +since ", told.out, re.MULTILINE)
    assert told.out.splitlines()[-1].startswith("What to do: Nothing, unless raw.orders 2024-01 is")
    refused(cli("impact", "shop.raw.order"), "shop has no table 'raw.order'", "raw.orders")
    told = cli("trace", "shop", "id=2000")
    assert told.code == 0, told.text
    assert re.search(r"^prediction +0\.\d+ by version 1, scored ", told.out, re.MULTILINE)
    assert re.search(r"^raw\.orders 2024-03: built ", told.out, re.MULTILINE)
    refused(cli("trace", "shop", "99999"), "has no row with id=99999", "With another id: 2159")


def test_a_loop_that_is_not_stopped_is_not_resumed(cli: Listener, first: Answer) -> None:
    assert cli("resume", "shop").code == 2
    refused(cli("resume", "shop", "--reason", "a hunch"), "No breaker of shop is open")
    rows = cli("sql", "shop", "SELECT count(*) AS resets FROM ops.resets")
    assert re.search(r"│ +0 │", rows.out), rows.out


def test_nothing_is_created_where_nothing_was_ever_decided(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    told = sandbox.cli("resume", "shop", "--reason", "a hunch", ML_ASSETS_DATA=str(tmp_path))
    refused(told, "The lake of shop holds no data yet.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("promote", "WHERE promoted AND promoted_at <= TIMESTAMPTZ '2026-11-21 12:00:00+00'"),
        ("backtest", "ml-assets backtest flights --policy monthly --policy defs"),
        ("impact", "ml-assets impact flights.raw.flights 2013-05"),
        ("trace", "ml-assets trace flights 2013-05-07 UA 15 EWR"),
    ],
)
def test_help_keeps_the_lines_of_its_examples(name: str, example: str) -> None:
    told = CliRunner().invoke(main, [name, "--help"], terminal_width=80).output
    assert example in [line.strip() for line in told.splitlines()]
    assert "\\b" not in told
    assert "\b" not in told


def test_the_list_tells_each_pipelines_state(cli: Listener, first: Answer) -> None:
    lines = cli("list").out.splitlines()
    assert re.fullmatch(r"shop +tables up to date, version 1 live", lines[0])
    assert re.match(r"wrong +broken: .*wrong/defs\.yaml:16: model\.tuning\.trials", lines[1])


def test_the_list_waits_for_neither_dagster_nor_mlflow(first: Answer, sandbox: Sandbox) -> None:
    script = (
        "import sys; from ml_assets.cli import main; main(['list'], standalone_mode=False);"
        " print([one for one in ('dagster', 'mlflow', 'lightgbm') if one in sys.modules])"
    )
    assert sandbox.python("-c", script).out.splitlines()[-1] == "[]"


def test_a_source_that_is_gone_is_told(cli: Listener, first: Answer, sandbox: Sandbox) -> None:
    source = sandbox.folder / "orders.csv"
    aside = source.rename(source.with_suffix(".aside"))
    try:
        state = cli("status", "shop").out.splitlines()
        listed = cli("list").out.splitlines()[0]
    finally:
        aside.rename(source)
    assert state[0].startswith("Broken    raw.orders: ")
    assert state[1] == "Champion  version 1"
    assert re.match(r"shop +broken: raw\.orders: ", listed)


@pytest.mark.parametrize("command", ["run", "plan", "evaluate", "maintain"])
def test_an_unknown_pipeline_is_told_with_the_known_ones(cli: Listener, command: str) -> None:
    refused(cli(command, "shops"), "No pipeline 'shops'. There are: shop, wrong.")


@pytest.mark.parametrize("command", ["run", "plan", "evaluate", "maintain"])
def test_a_broken_pipeline_is_told_with_file_and_line(cli: Listener, command: str) -> None:
    refused(cli(command, "wrong"), "wrong/defs.yaml:16: model.tuning.trials: ", "'many'")


def test_queries_read_the_tables_by_their_short_names(cli: Listener, first: Answer) -> None:
    told = cli("sql", "shop", "SELECT region, count(*) AS n FROM cleaned.orders GROUP BY 1")
    assert told.code == 0
    assert "north" in told.out
    assert cli("sql", "shop", "DESCRIBE features.orders").code == 0


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("DELETE FROM raw.orders", "a DELETE statement"),
        ("INSERT INTO shop.raw.orders FROM shop.raw.orders", "an INSERT statement"),
        ("DROP TABLE shop.raw.orders", "a DROP statement"),
        ("CREATE TABLE more AS SELECT 1", "a CREATE statement"),
        ("COPY (SELECT 1) TO 'more.csv'", "a COPY statement"),
        ("SELECT 1; DROP TABLE shop.raw.orders", "2 statements"),
        ("", "0 statements"),
        ("SELEC 1", "syntax error"),
        ("FROM cleaned.order", "orders"),
    ],
)
def test_a_query_that_does_not_read_is_refused(
    cli: Listener, first: Answer, sandbox: Sandbox, query: str, text: str
) -> None:
    refused(cli("sql", "shop", query), text)
    assert "2160" in cli("sql", "shop", "SELECT count(*) FROM raw.orders").out
    assert not (sandbox.folder / "more.csv").exists()


def test_a_query_of_an_unknown_pipeline_is_refused(cli: Listener) -> None:
    refused(cli("sql", "shops", "SELECT 1"), "No pipeline 'shops'")


@pytest.mark.parametrize("reference", ["shop@champion", "shop/1"])
def test_a_version_is_rebuilt_bit_for_bit(cli: Listener, first: Answer, reference: str) -> None:
    told = cli("reproduce", reference)
    assert told.code == 0, told.text
    assert re.fullmatch(
        r"identical: shop version 1 was rebuilt bit for bit, hash [0-9a-f]{64}\n", told.out
    )


@pytest.mark.parametrize("reference", ["shop/2", "shop@nobody", "shop", "shops@champion"])
def test_an_unknown_version_is_told_with_the_known_ones(
    cli: Listener, first: Answer, reference: str
) -> None:
    known = "shop/1" if not reference.startswith("shops") else "none"
    refused(cli("reproduce", reference), f"called {reference}.", known)


def test_maintenance_keeps_what_the_champion_was_trained_on(cli: Listener, first: Answer) -> None:
    told = cli("maintain", "shop", "--keep-days", "0")
    assert told.code == 0, told.text
    assert re.match(r"[1-9]\d* snapshots expired", told.out)
    assert cli("reproduce", "shop@champion").out.startswith("identical: ")
