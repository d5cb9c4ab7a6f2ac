"""A refresh spans what is due, and what is built makes nothing older due."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml_assets.assets.live import promote_by_hand
from ml_assets.automation.reach import RANGE_END, RANGE_START, range_tags, refresh_tags
from ml_assets_tests.assets.contenders import books, register_like
from ml_assets_tests.assets.running import failed
from ml_assets_tests.automation.jobs import refreshed
from ml_assets_tests.sample import MONTHS
from ml_assets_tests.sandbox import build

if TYPE_CHECKING:
    from ml_assets_tests.finished import Finished
    from ml_assets_tests.sandbox import Sandbox


def span(finished: Finished) -> tuple[str, str]:
    tags = refresh_tags(finished.box.pipeline, finished.settings)
    return tags[RANGE_START], tags[RANGE_END]


@pytest.mark.slow
def test_of_a_new_partition_only_that_is_spanned(shop: Sandbox) -> None:
    pipeline = shop.pipeline
    *before, last = pipeline.partitions.keys()
    shutil.rmtree(shop.settings.data)
    assert refresh_tags(pipeline, shop.settings) == range_tags(pipeline)
    with shop.lake() as con:
        for node in pipeline.ordered:
            build(con, pipeline, node, [*before] if node.partitioned else None)
    assert refresh_tags(pipeline, shop.settings) == {RANGE_START: last, RANGE_END: last}
    shop.source("orders").unlink()
    # The run says what is wrong with it.
    assert refresh_tags(pipeline, shop.settings) == range_tags(pipeline)


@pytest.mark.longest
def test_after_a_refresh_only_the_newest_partition_is_spanned(monitored: Finished) -> None:
    assert not failed(refreshed(monitored))
    assert span(monitored) == (MONTHS[-1], MONTHS[-1])
    version = register_like(monitored)
    with books(monitored) as found:
        promote_by_hand(found, version.version, "a person")
    # The new champion's features are looked for in every slice.
    assert span(monitored) == (MONTHS[0], MONTHS[-1])
    assert not failed(refreshed(monitored))
    assert span(monitored) == (MONTHS[-1], MONTHS[-1])
