"""Registered model versions and their aliases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.registry.store import connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"


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


def assign_alias(tracking_uri: str, version: Version) -> str:
    """Make the first version of a model `champion` and a later one `challenger`; return which."""
    alias = CHALLENGER if champion(tracking_uri, version.name) else CHAMPION
    set_alias(tracking_uri, version, alias)
    return alias


def set_alias(tracking_uri: str, version: Version, alias: str) -> None:
    """Move `alias` to `version`."""
    with connected(tracking_uri) as client:
        client.set_registered_model_alias(version.name, alias, str(version.version))


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
