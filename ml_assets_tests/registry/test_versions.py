from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import TrackingError
from ml_assets.registry.package import log_model
from ml_assets.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    REFIT_OF,
    Version,
    by_alias,
    champion,
    make_champion,
    register,
    rollback_target,
    set_alias,
    set_tag,
    versions,
)
from ml_assets_tests.registry.conftest import flights_run

if TYPE_CHECKING:
    from ml_assets.ml.boost import TrainedModel


def registered(
    tracking_uri: str, model: TrainedModel, number: int, refit_of: int | None = None
) -> Version:
    tags = {"number": str(number)} | ({} if refit_of is None else {REFIT_OF: str(refit_of)})
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
        return register(tracking_uri, "flights", handle.run_id, uri, tags)


def aliases(tracking_uri: str) -> dict[str, int]:
    return {name: one.version for one in versions(tracking_uri, "flights") for name in one.aliases}


def test_a_name_never_registered_has_no_versions(tracking_uri: str) -> None:
    assert versions(tracking_uri, "flights") == []
    assert champion(tracking_uri, "flights") is None


def test_versions_are_told_with_their_aliases(tracking_uri: str, model: TrainedModel) -> None:
    made = [registered(tracking_uri, model, number) for number in (1, 2, 3)]
    for one, alias in zip(made, (CHAMPION, CHALLENGER, CHALLENGER), strict=True):
        set_alias(tracking_uri, one, alias)
    found = versions(tracking_uri, "flights")
    assert [(one.version, one.aliases, one.tags) for one in found] == [
        (1, (CHAMPION,), {"number": "1"}),
        (2, (), {"number": "2"}),
        (3, (CHALLENGER,), {"number": "3"}),
    ]
    assert [one.run_id for one in found] == [one.run_id for one in made]
    assert abs(found[0].created - datetime.now(UTC)) < timedelta(minutes=10)
    assert by_alias(tracking_uri, "flights", CHALLENGER) == found[2]
    assert found[2].uri == "models:/flights/3"


def test_an_alias_moves_and_a_version_may_bear_two(tracking_uri: str, model: TrainedModel) -> None:
    first, second = (registered(tracking_uri, model, number) for number in (1, 2))
    set_alias(tracking_uri, first, CHAMPION)
    set_alias(tracking_uri, first, "previous")
    assert versions(tracking_uri, "flights")[0].aliases == (CHAMPION, "previous")
    set_alias(tracking_uri, second, CHAMPION)
    now = champion(tracking_uri, "flights")
    assert now is not None
    assert now.version == 2


def test_a_refit_goes_live_and_its_challenger_is_one_no_more(
    tracking_uri: str, model: TrainedModel
) -> None:
    first, second = (registered(tracking_uri, model, number) for number in (1, 2))
    make_champion(tracking_uri, first, None)
    assert aliases(tracking_uri) == {CHAMPION: 1}
    set_alias(tracking_uri, second, CHALLENGER)
    refit = registered(tracking_uri, model, 3, refit_of=2)
    assert (second.refit_of, refit.refit_of) == (None, 2)
    for _ in range(2):
        make_champion(tracking_uri, refit, first)
        assert aliases(tracking_uri) == {CHAMPION: 3, PREVIOUS: 1}


def test_a_challenger_goes_live_itself_and_another_stays(
    tracking_uri: str, model: TrainedModel
) -> None:
    first, second, third = (registered(tracking_uri, model, number) for number in (1, 2, 3))
    make_champion(tracking_uri, first, None)
    set_alias(tracking_uri, third, CHALLENGER)
    make_champion(tracking_uri, second, first)
    assert aliases(tracking_uri) == {CHAMPION: 2, PREVIOUS: 1, CHALLENGER: 3}
    make_champion(tracking_uri, third, second)
    assert aliases(tracking_uri) == {CHAMPION: 3, PREVIOUS: 2}


def test_a_rollback_swaps_and_a_second_one_swaps_back(
    tracking_uri: str, model: TrainedModel
) -> None:
    first, second = (registered(tracking_uri, model, number) for number in (1, 2))
    with pytest.raises(TrackingError, match=r"flights has no champion to go back to\."):
        rollback_target(tracking_uri, "flights")
    make_champion(tracking_uri, first, None)
    with pytest.raises(TrackingError, match="has no version before its champion"):
        rollback_target(tracking_uri, "flights")
    make_champion(tracking_uri, second, first)
    for now in (1, 2):
        live, back = rollback_target(tracking_uri, "flights")
        assert back.version == now
        make_champion(tracking_uri, back, live)
        assert aliases(tracking_uri) == {CHAMPION: now, PREVIOUS: live.version}
    assert aliases(tracking_uri) == {CHAMPION: 2, PREVIOUS: 1}


def test_a_tag_comes_and_goes(tracking_uri: str, model: TrainedModel) -> None:
    version = registered(tracking_uri, model, 1)
    long = "x" * 50_000
    set_tag(tracking_uri, version, "note", long)
    assert versions(tracking_uri, "flights")[0].tags["note"] == long
    set_tag(tracking_uri, version, "note", None)
    assert versions(tracking_uri, "flights")[0].tags == {"number": "1"}
