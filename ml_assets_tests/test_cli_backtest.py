"""`ml-assets backtest` as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ml_assets import cli_backtest
from ml_assets.cli import main
from ml_assets_tests.backtest.world import write_parcels
from ml_assets_tests.sandbox import build_all

if TYPE_CHECKING:
    from click.testing import Result

    from ml_assets_tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Parcels that are declared and not built."""
    return write_parcels(tmp_path_factory.mktemp("parcels"))


@pytest.fixture(autouse=True)
def _here(parcels: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(parcels.root)
    monkeypatch.setenv("DAGSTER_HOME", str(parcels.root / "home"))
    for name, value in parcels.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli_backtest, "pipeline_named", lambda _: parcels.pipeline)


def told(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backtest", "shop", *arguments])


def test_tables_that_are_not_built_are_an_error_that_says_what_to_do() -> None:
    found = told("--policy", "defs")
    assert found.exit_code == 1
    assert found.output.startswith("Error: The lake of shop holds no data yet.")


@pytest.mark.slow
def test_the_table_and_the_report_are_told(parcels: Sandbox) -> None:
    with parcels.lake() as con:
        build_all(con, parcels.pipeline)
    found = told("--policy", "every:2", "--to", "2024-02-26")
    assert found.exit_code == 0, found.output
    for name in ("never", "weekly", "every:2", "2024-02-05", "2024-02-26"):
        assert name in found.stdout
    assert "trains on 2024-01-01" in found.stderr
    report = parcels.settings.data / "backtests" / "shop" / "report.html"
    assert f"Report: {report}" in found.stdout
    assert report.is_file()


def test_an_unknown_policy_is_an_error_that_names_the_known_ones() -> None:
    found = told("--policy", "often")
    assert found.exit_code == 1
    assert "There is no policy 'often'" in found.output
    assert "every:3" in found.output
