from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ml_assets.registry.package import log_model
from ml_assets.registry.versions import (
    CHALLENGER,
    CHAMPION,
    Version,
    assign_alias,
    by_alias,
    champion,
    register,
    set_alias,
    versions,
)
from ml_assets_tests.registry.conftest import flights_run

if TYPE_CHECKING:
    from ml_assets.ml.boost import TrainedModel


def registered(tracking_uri: str, model: TrainedModel, number: int) -> Version:
    with flights_run(tracking_uri) as handle:
        uri = log_model(handle, model, threads=1)
        return register(tracking_uri, "flights", handle.run_id, uri, {"number": str(number)})


def test_a_name_never_registered_has_no_versions(tracking_uri: str) -> None:
    assert versions(tracking_uri, "flights") == []
    assert champion(tracking_uri, "flights") is None


def test_the_first_is_champion_and_later_ones_challengers(
    tracking_uri: str, model: TrainedModel
) -> None:
    made = [registered(tracking_uri, model, number) for number in (1, 2, 3)]
    assert [assign_alias(tracking_uri, one) for one in made] == [CHAMPION, CHALLENGER, CHALLENGER]
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
    assign_alias(tracking_uri, first)
    set_alias(tracking_uri, first, "previous")
    assert versions(tracking_uri, "flights")[0].aliases == (CHAMPION, "previous")
    set_alias(tracking_uri, second, CHAMPION)
    now = champion(tracking_uri, "flights")
    assert now is not None
    assert now.version == 2
