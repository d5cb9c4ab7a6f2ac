"""Tables that the platform makes from a pipeline's own: predictions and monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.sql.names import casts

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Derived:
    """One such table: what `store_slices` asks of it (see tables.built.Target)."""

    layer: str
    table: str
    types: Mapping[str, str]
    code_version: str
    partitioned: bool
    words: Mapping[str, str]
    """What each column says."""

    @property
    def dotted(self) -> str:
        """The name as users write it in SQL: predictions.scores."""
        return f"{self.layer}.{self.table}"

    @property
    def casts(self) -> str:
        """The columns of a SELECT, each cast to its type."""
        return casts(self.types)
