"""The one error family a user sees: a fact with its values, then what to do."""

from __future__ import annotations


class MLAssetsError(Exception):
    """A fault the user can act on; `fact` says what is so, `hint` what to do about it."""

    def __init__(self, fact: str, hint: str) -> None:
        super().__init__(f"{fact} {hint}")
        self.fact = fact
        self.hint = hint


class DeclarationError(MLAssetsError):
    """A pipeline's declaration (defs.yaml or a .sql file beside it) is wrong."""


class DataError(MLAssetsError):
    """Data breaks its contract or cannot be read."""


class StaleError(MLAssetsError):
    """Stored slices were built by other code or from other data than declared now."""


class StorageError(MLAssetsError):
    """The lake or its catalog cannot be read or written."""


class TrackingError(MLAssetsError):
    """The MLflow store cannot be read or written."""
