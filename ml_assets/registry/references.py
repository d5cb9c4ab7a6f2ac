"""A version's reference for monitoring, as an artifact of the run that trained it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.monitors.reference import Reference
from ml_assets.registry.store import connected
from ml_assets.registry.tracking import log_text, read_text

if TYPE_CHECKING:
    from ml_assets.registry.versions import Version

FILE = "reference.json"


def log_reference(tracking_uri: str, version: Version, reference: Reference) -> None:
    """Write the reference beside the version's model."""
    log_text(tracking_uri, version.run_id, FILE, reference.to_json())


def read_reference(tracking_uri: str, version: Version) -> Reference | None:
    """Read the version's reference, None where it has none yet."""
    with connected(tracking_uri) as client:
        names = {item.path for item in client.list_artifacts(version.run_id)}
    if FILE not in names:
        return None
    return Reference.from_json(read_text(tracking_uri, version.run_id, FILE))
