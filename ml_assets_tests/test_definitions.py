"""The code location, loaded by another process in a sandbox with good and broken pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_assets_tests.automation.sandbox import SHOP, Sandbox, edit, make_sandbox
from ml_assets_tests.sandbox import example

if TYPE_CHECKING:
    from pathlib import Path

LOAD = """
import json, sys
import ml_assets, ml_assets.definitions as d
graph = d.defs.resolve_asset_graph()
jobs = d.defs.resolve_all_job_defs()
print(json.dumps({
    "file": ml_assets.__file__,
    "heavy": [m for m in ("mlflow", "lightgbm", "optuna", "sklearn", "pandas") if m in sys.modules],
    "assets": {k.to_user_string(): graph.get(k).description for k in graph.get_all_asset_keys()},
    "upstream": {k.to_user_string(): sorted(p.to_user_string() for p in graph.get(k).parent_keys)
                 for k in graph.get_all_asset_keys()},
    "checks": [[c.asset_key.to_user_string(), c.name] for c in graph.asset_check_keys],
    "jobs": sorted(j.name for j in jobs),
    "schedules": {s.name: [s.default_status.value, s.cron_schedule, s.execution_timezone]
                  for s in d.defs.schedules},
}))
"""
EXTRA = """
import dagster as dg

@dg.asset(key=["extra", "notes"], deps=[dg.AssetKey(["extra", "cleaned", "orders"])])
def notes() -> None:
    pass
"""
CLASH = EXTRA.replace('"extra", "notes"', '"clash", "model"')


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = make_sandbox(tmp_path_factory.mktemp("definitions"))
    sandbox.add("flights", example("flights"))
    sandbox.add("trips", example("flights"))
    for name in ("extra", "syntax", "unknown", "nosql", "main", "python", "clash"):
        sandbox.add(name, SHOP)
    folder = sandbox.pipelines
    (folder / "extra" / "extra.py").write_text(EXTRA)
    (folder / "clash" / "extra.py").write_text(CLASH)
    (folder / "python" / "extra.py").write_text("import nothing_of_this_name\n")
    edit(folder / "syntax" / "defs.yaml", ("every: month", "every: [month"))
    edit(folder / "unknown" / "defs.yaml", ("minimum_rows", "minimum_row"))
    (folder / "nosql" / "cleaned" / "orders.sql").unlink()
    return sandbox


@pytest.fixture(scope="module")
def loaded(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.ask(LOAD)


def test_nothing_heavy_is_imported(loaded: dict[str, Any], sandbox: Sandbox) -> None:
    assert loaded["file"] == str(sandbox.folder / "ml_assets" / "__init__.py")
    assert loaded["heavy"] == []


def test_a_copied_folder_is_a_second_full_graph(loaded: dict[str, Any]) -> None:
    def graph(name: str) -> dict[str, list[str]]:
        return {
            key.partition("/")[2]: [one.partition("/")[2] for one in upstream]
            for key, upstream in loaded["upstream"].items()
            if key.startswith(f"{name}/")
        }

    assert graph("trips") == graph("flights")
    assert len(graph("trips")) > 20
    assert all(
        one.startswith("trips/")
        for key, upstream in loaded["upstream"].items()
        if key.startswith("trips/")
        for one in upstream
    )
    assert {"trips_pipeline", "trips_refresh", "trips_evaluate"} <= {*loaded["jobs"]}
    checks = {tuple(check) for check in loaded["checks"]}
    assert ("trips/features/history", "time_travel") in checks


def test_the_schedules_expected_state_is_as_declared(loaded: dict[str, Any]) -> None:
    assert loaded["schedules"]["flights_refresh"] == ["STOPPED", "0 5 2 * *", "America/New_York"]
    assert loaded["schedules"]["extra_refresh"] == ["STOPPED", "0 6 * * *", "Europe/Berlin"]


def test_a_plain_asset_beside_the_yaml_is_loaded(loaded: dict[str, Any]) -> None:
    assert loaded["upstream"]["extra/notes"] == ["extra/cleaned/orders"]
    assert "extra/model" in loaded["assets"]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("syntax", ["syntax/defs.yaml:7`: the YAML cannot be read", "Check quotes"]),
        ("unknown", ["unknown/defs.yaml:17`: model.minimum_row: ", "Did you mean 'minimum_rows'?"]),
        ("nosql", ["nosql/defs.yaml:34`: cleaned.orders is declared", "Write its SELECT to"]),
        ("main", ["main/defs.yaml:1`: 'main' is a reserved name", "Rename the folder"]),
        ("python", ["python/extra.py:1`: ModuleNotFoundError: No module named 'nothing_of_this"]),
        ("clash", ["Duplicate asset key", "clash"]),
    ],
)
def test_a_broken_pipeline_is_one_asset_with_the_message(
    loaded: dict[str, Any], name: str, texts: list[str]
) -> None:
    assets = [key for key in loaded["assets"] if key.startswith(f"{name}/")]
    assert assets == [f"{name}/broken"]
    assert [f"{name}/broken", "loads"] in loaded["checks"]
    for text in texts:
        assert text in loaded["assets"][f"{name}/broken"]


def validate(sandbox: Sandbox, **extra: str) -> tuple[int, str]:
    answer = sandbox.python(
        *("-m", "dagster", "definitions", "validate"),
        *("--workspace", "workspace.yaml", "--log-level", "warning"),
        **extra,
    )
    return answer.code, answer.text


@pytest.mark.slow
def test_validation_fails_where_it_is_strict(sandbox: Sandbox, tmp_path: Path) -> None:
    code, text = validate(sandbox, ML_ASSETS_STRICT="1")
    assert code != 0
    assert "Duplicate asset key" in text


@pytest.mark.slow
def test_strict_validation_tells_a_users_fault_without_a_trace_of_what_found_it(
    tmp_path: Path,
) -> None:
    sandbox = make_sandbox(tmp_path)
    for name in ("first", "second"):
        edit(sandbox.add(name, SHOP) / "defs.yaml", ("every: month", "every: [month"))
    code, text = validate(sandbox, ML_ASSETS_STRICT="1")
    assert code != 0
    for name in ("first", "second"):
        assert f"{name}/defs.yaml:7: the YAML cannot be read: " in text
    assert text.count("Check quotes, colons and indentation") == 2
    assert text.count("File ") == 2
    assert "ParserError" not in text


@pytest.mark.slow
def test_validation_passes_otherwise(sandbox: Sandbox) -> None:
    code, text = validate(sandbox)
    assert code == 0, text


@pytest.mark.slow
def test_strict_validation_of_good_pipelines_passes(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path)
    sandbox.add("flights", example("flights"))
    code, text = validate(sandbox, ML_ASSETS_STRICT="1")
    assert code == 0, text
