from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.component.broken import broken_pipeline, explain, told
from ml_assets.errors import DeclarationError

if TYPE_CHECKING:
    from pathlib import Path


def caught(run: object, *arguments: str) -> BaseException:
    with pytest.raises(BaseException) as error:
        run(*arguments)  # type: ignore[operator]
    return error.value


@pytest.mark.parametrize("name", ["shop", "has-dash"])
def test_the_asset_and_its_check_fail_with_the_message(name: str) -> None:
    defs = broken_pipeline(name, DeclarationError("defs.yaml:3: wrong.", "Correct it."))
    assets = list(defs.assets or [])
    asset = assets[0]
    assert isinstance(asset, dg.AssetsDefinition)
    assert asset.key == dg.AssetKey([name, "broken"])
    text = "- `defs.yaml:3`: wrong.\n\n**What to do:** Correct it."
    assert text in (asset.descriptions_by_key[asset.key] or "")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance, raise_on_error=False)
    assert not result.success
    failure = result.filter_events(lambda event: event.event_type_value == "STEP_FAILURE")[0]
    assert "defs.yaml:3: wrong. Correct it." in str(failure.event_specific_data)
    [evaluated] = result.get_asset_check_evaluations()
    assert not evaluated.passed
    assert text in str(evaluated.metadata["error"].value)


def test_markdown_shows_every_fact_with_its_place_and_names_as_they_are() -> None:
    fault = DeclarationError(
        "a/defs.yaml:3: table.a_b: unknown key.\na/defs.yaml:9: count(*) <1> of [x](y), __in__.",
        "Write `type: a*b*c`.",
    )
    assert told(fault) == (
        "This pipeline cannot be loaded.\n\n"
        "- `a/defs.yaml:3`: table.a_b: unknown key.\n"
        r"- `a/defs.yaml:9`: count(\*) \<1> of \[x](y), \__in_\_."
        "\n\n"
        "**What to do:** Write `type: a*b*c`."
    )


def test_a_users_fault_is_told_as_it_is_whatever_is_around_it(tmp_path: Path) -> None:
    inner = DeclarationError("The fact.", "The hint.")
    inner.__cause__ = ValueError("inner")
    outer = RuntimeError("outer")
    outer.__cause__ = inner
    assert str(explain(outer, tmp_path)) == "The fact. The hint."


def test_an_error_in_the_users_python_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "extra.py"
    path.write_text("import json\n\njson.loads('no')\n")
    error = caught(runpy.run_path, str(path))
    assert str(explain(error, tmp_path)).startswith(f"{path}:3: JSONDecodeError: ")


def test_python_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "extra.py"
    path.write_text("import json\ndef broken(:\n")
    error = caught(runpy.run_path, str(path))
    assert str(explain(error, tmp_path)).startswith(f"{path}:2: SyntaxError: ")
