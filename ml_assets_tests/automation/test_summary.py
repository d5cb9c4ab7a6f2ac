"""What a person reads after a run: every row, every metric with its interval, what is next."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from rich.console import Console

from ml_assets.automation.summary import newest_evaluation, print_summary
from ml_assets.registry.versions import CHAMPION, PREVIOUS, REFIT_OF, set_alias, set_tag
from ml_assets.tables.summary import all_totals
from ml_assets_tests.assets.contenders import register_like

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished


def printed(finished: Finished, instance: dg.DagsterInstance) -> str:
    text = io.StringIO()
    console = Console(file=text, width=200)
    print_summary(console, instance, finished.box.pipeline, finished.settings)
    return text.getvalue()


def test_it_shows_rows_metrics_report_and_version(finished: Finished) -> None:
    with finished.instance() as instance:
        text = printed(finished, instance)
    about = finished.latest("evaluation")
    for candidate in ("lightgbm", "constant", "rate", "linear"):
        numbers = [about[f"{candidate} auc{suffix}"] for suffix in ("", "_low", "_high")]
        (line,) = (one for one in text.splitlines() if one.split()[:1] == [candidate])
        assert all(f"{number:.3f}" in line for number in numbers)
    assert "flights version 1 (champion)" in text
    assert about["report"] in text
    assert "ml-assets evaluate flights" in text


def test_a_shell_that_does_not_find_the_command_is_told_how_to(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "ml-assets"
    command.touch(mode=0o755)
    with finished.instance() as instance:
        monkeypatch.setenv("PATH", "/nowhere")
        assert f". {os.path.relpath(Path(sys.executable).parent)}/activate" in printed(
            finished, instance
        )
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "activate" not in printed(finished, instance)


@pytest.mark.slow
def test_where_the_refit_went_live_it_says_so(mine: Finished) -> None:
    (first,) = mine.versions()
    refit = register_like(mine)
    client, uri = mine.client(), mine.settings.tracking_uri
    client.delete_registered_model_alias("flights", "champion")
    with mine.instance() as instance:
        assert "flights version 1 (no alias)" in printed(mine, instance)
        set_tag(uri, refit, REFIT_OF, str(first.version))
        assert "flights version 1 (no alias)" in printed(mine, instance)
        set_alias(uri, refit, CHAMPION)
        text = "flights version 1 (its refit, version 2, is champion)"
        assert text in printed(mine, instance)
        set_alias(uri, first, PREVIOUS)
        assert "flights version 1 (previous)" in printed(mine, instance)


def test_it_accounts_for_every_table(finished: Finished) -> None:
    with finished.instance() as instance:
        text = printed(finished, instance)
    with finished.box.lake() as con:
        totals = all_totals(con, finished.box.pipeline)
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    for dotted, found in totals.items():
        assert f"{found.rows_in:,}" in lines[dotted]
        assert f"{found.kept:,}" in lines[dotted]
        for reason, rows in {**found.rejected, **found.excluded}.items():
            assert f"{rows:,}" in text
            assert reason in text


def test_the_newest_evaluation_is_read_back_from_its_materialization(finished: Finished) -> None:
    with finished.instance() as instance:
        found = newest_evaluation(instance, finished.box.pipeline)
    assert found is not None
    assert found.version == 1
    assert found.report == Path(finished.latest("evaluation")["report"])
    assert found.candidates()[0] == "lightgbm"
    assert found.estimate("lightgbm", "never measured") == "-"


def test_without_an_evaluation_it_says_so(finished: Finished) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        text = printed(finished, instance)
    assert "No model has been evaluated yet." in text
    assert "cleaned.weather" in text
