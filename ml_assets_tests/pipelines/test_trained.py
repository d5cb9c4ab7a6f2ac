"""Every pipeline on its real data, once through: trained, reported, rebuilt."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from ml_assets.automation.reproduce import find_version, reproduce
from ml_assets.warehouse import ledger
from ml_assets_tests.assets.running import prove
from ml_assets_tests.finished import Finished
from ml_assets_tests.sandbox import build, example

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets.tables.pipeline import Pipeline
    from ml_assets_tests.sandbox import Sandbox

pytestmark = pytest.mark.slow

SECTIONS = {"finding", "candidates", "time", "slices", "curves", "calibration", "importance"} | {
    *("data", "model", "origin", "reading"),
}
LARGEST_REPORT = 2_000_000


@pytest.fixture(scope="module")
def trained(
    pipeline: Pipeline, whole: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    """A copy of the whole pipeline, trained in one trial as its folder declares it otherwise."""
    box = whole.copy(tmp_path_factory.mktemp("trained"))
    folder = example(pipeline.name)
    shutil.copytree(folder, box.folder, ignore=shutil.ignore_patterns("__pycache__"))
    box.declare(_once)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(box.root)
        for name, value in box.environment.items():
            patch.setenv(name, value)
        found = Finished(box)
        with found.instance() as instance:
            prove(box, instance)
        assert not found.run()
        yield found


def _once(declared: dict[str, Any]) -> None:
    # Neither further trials nor a model per tested partition prove more of this.
    declared["model"]["tuning"] |= {"trials": 1}
    declared["model"]["tuning"].pop("walk_forward_trials", None)
    declared["model"]["split"].pop("walk_forward_from", None)
    declared["evaluation"] |= {"resamples": 50}


def test_its_model_is_rebuilt_bit_for_bit(trained: Finished) -> None:
    settings, name = trained.settings, trained.box.name
    found = reproduce(trained.box.pipeline, settings, find_version(settings, f"{name}@champion"))
    assert found.lines()[0].startswith("identical: ")


def test_its_report_has_all_sections_and_is_small(trained: Finished) -> None:
    path = trained.settings.data / "reports" / f"{trained.box.name}.html"
    html = path.read_text(encoding="utf-8")
    assert {*re.findall(r'<section id="(\w+)"', html)} >= SECTIONS
    assert path.stat().st_size < LARGEST_REPORT


def test_a_slice_comes_out_the_same_in_one_thread(trained: Finished) -> None:
    """The newest of each feature table."""
    pipeline = trained.box.pipeline
    newest = pipeline.partitions.keys()[-1]
    with trained.box.lake() as con:
        stored = {
            one.table: one.data_version
            for one in ledger.current(con, pipeline.name)
            if one.partition == newest and one.table.startswith("features.")
        }
        con.execute("SET threads = 1")
        again = {
            node.dotted: build(con, pipeline, node, [newest])[0].data_version
            for node in pipeline.features
        }
    assert len(stored) == len(pipeline.features) > 0
    assert again == stored
