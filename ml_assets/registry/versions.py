"""Registered model versions and their aliases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.registry.store import connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
REFIT_OF = "refit_of"
"""Tag of a version that is a challenger fitted again on all data: its number."""


@dataclass(frozen=True)
class Version:
    """One registered version of a model."""

    name: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: datetime

    @property
    def uri(self) -> str:
        """The URI that `mlflow.pyfunc.load_model` takes."""
        return f"models:/{self.name}/{self.version}"

    @property
    def refit_of(self) -> int | None:
        """The challenger that this version was refitted from, None for one that was trained."""
        found = self.tags.get(REFIT_OF)
        return None if found is None else int(found)


def register(
    tracking_uri: str, name: str, run_id: str, model_uri: str, tags: Mapping[str, str]
) -> Version:
    """Register the logged model `models:/m-...` of a run as the next version of `name`."""
    with connected(tracking_uri) as client:
        _ensure_model(client, name)
        model_id = model_uri.removeprefix("models:/")
        # MLflow would look a `models:/` source up in its global store, which may be another one.
        source = client.get_logged_model(model_id).artifact_location
        made = client.create_model_version(name, source, run_id, dict(tags), model_id=model_id)
        # MLflow's own register_model sets this tag: the UI shows the version on the model's page.
        link = json.dumps([{"name": name, "version": made.version}])
        client.set_logged_model_tags(model_id, {"mlflow.modelVersions": link})
        return _version(made, ())


def set_alias(tracking_uri: str, version: Version, alias: str) -> None:
    """Move `alias` to `version`."""
    with connected(tracking_uri) as client:
        client.set_registered_model_alias(version.name, alias, str(version.version))


def make_champion(tracking_uri: str, version: Version, before: Version | None) -> None:
    """Make `version` champion and `before` previous; whoever goes live is no challenger any more.

    The first call is the moment it goes live; asking again changes nothing.
    """
    with connected(tracking_uri) as client:
        client.set_registered_model_alias(version.name, CHAMPION, str(version.version))
        if before is not None:
            client.set_registered_model_alias(version.name, PREVIOUS, str(before.version))
        challenger = by_alias(tracking_uri, version.name, CHALLENGER)
        if challenger is not None and challenger.version in (version.version, version.refit_of):
            client.delete_registered_model_alias(version.name, CHALLENGER)


def rollback_target(tracking_uri: str, name: str) -> tuple[Version, Version]:
    """Return the champion and the version before it; raises TrackingError without both."""
    live, back = champion(tracking_uri, name), by_alias(tracking_uri, name, PREVIOUS)
    if live is None or back is None or live.version == back.version:
        lacking = "no champion" if live is None else "no version before its champion"
        raise TrackingError(
            f"{name} has {lacking} to go back to.",
            f"`ml-assets promote {name} <version>` makes any registered version champion.",
        )
    return live, back


def set_tag(tracking_uri: str, version: Version, key: str, value: str | None) -> None:
    """Write a tag of `version`; None removes it."""
    with connected(tracking_uri) as client:
        if value is None:
            client.delete_model_version_tag(version.name, str(version.version), key)
        else:
            client.set_model_version_tag(version.name, str(version.version), key, value)


def champion(tracking_uri: str, name: str) -> Version | None:
    """Return the version that bears `champion`, None if there is none."""
    return by_alias(tracking_uri, name, CHAMPION)


def by_alias(tracking_uri: str, name: str, alias: str) -> Version | None:
    """Return the version that bears `alias`, None if there is none."""
    found = (one for one in versions(tracking_uri, name) if alias in one.aliases)
    return next(found, None)


def versions(tracking_uri: str, name: str) -> list[Version]:
    """Return all versions of a model, oldest first; none for an unknown name."""
    with connected(tracking_uri) as client:
        aliases = _aliases(client, name)
        found = client.search_model_versions(f"name = '{name}'", max_results=100_000)
        made = (_version(one, aliases.get(str(one.version), ())) for one in found)
        return sorted(made, key=lambda one: one.version)


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _aliases(client: MlflowClient, name: str) -> dict[str, tuple[str, ...]]:
    """Return aliases by version number; a search for versions does not tell them."""
    models = client.search_registered_models(f"name = '{name}'")
    by_version: dict[str, tuple[str, ...]] = {}
    for alias, number in sorted(models[0].aliases.items()) if models else ():
        by_version[str(number)] = (*by_version.get(str(number), ()), alias)
    return by_version


def _version(made: ModelVersion, aliases: tuple[str, ...]) -> Version:
    return Version(
        name=made.name,
        version=int(made.version),
        run_id=made.run_id or "",
        aliases=aliases,
        tags=dict(made.tags),
        created=datetime.fromtimestamp(made.creation_timestamp / 1000, UTC),
    )
