"""A champion whose features are computed by other code now: it waits for who follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.assets.same_code import changed_features, changed_since

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


def unscorable(pipeline: Pipeline, settings: Settings) -> str | None:
    """Say why the champion cannot score and what to do, None where it can or there is none.

    Its scores would be wrong, and which version is right to follow it is for the gate or a person
    to say.
    """
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import champion

    version = champion(settings.tracking_uri, pipeline.name)
    if version is None:
        return None
    changed = changed_features(pipeline, read_record(settings.tracking_uri, version.run_id))
    if not changed:
        return None
    return f"{other_code(version, changed)} {successor(pipeline, settings)}"


def other_code(version: Version, changed: Sequence[str]) -> str:
    """Say that a version cannot be given its features."""
    return (
        f"{version.name} version {version.version} was trained on other code of"
        f" {', '.join(changed)} than today's: its features cannot be computed any more."
    )


def successor(pipeline: Pipeline, settings: Settings) -> str:
    """Say what brings a version of today's code live."""
    ready = _of_today(pipeline, settings)
    back = "or go back to the code before"
    if ready is None:
        return f"`ml-assets run {pipeline.name}` trains a version on today's code; {back}."
    return (
        f"Version {ready} is trained on today's code: see `ml-assets why {pipeline.name}` and its"
        f" evaluation, then `ml-assets promote {pipeline.name} {ready}`; {back}."
    )


def _of_today(pipeline: Pipeline, settings: Settings) -> int | None:
    """Return the newest version that was trained on the code of today."""
    from ml_assets.registry.record import read_record
    from ml_assets.registry.versions import versions

    for version in reversed(versions(settings.tracking_uri, pipeline.name)):
        if not changed_since(pipeline, read_record(settings.tracking_uri, version.run_id)):
            return version.version
    return None
