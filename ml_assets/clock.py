"""The clock that everything asks: the wall's, or one set to replay the past."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from ml_assets.errors import MLAssetsError

NOW = "ML_ASSETS_NOW"
"""Environment variable: an ISO instant with its offset, taken for now wherever one is asked."""


def now() -> datetime:
    """Return the current instant in UTC; what was set, where `ML_ASSETS_NOW` is."""
    given = os.environ.get(NOW)
    if given is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise _wrong(given) from error
    if moment.tzinfo is None:
        raise _wrong(given)
    return moment.astimezone(UTC)


def is_set() -> bool:
    """Say whether the clock shows a moment that was set."""
    return NOW in os.environ


def _wrong(given: str) -> MLAssetsError:
    return MLAssetsError(
        f"{NOW} is {given!r}, no instant.", "Write it like 2013-07-01T00:00:00+00:00 or unset it."
    )
