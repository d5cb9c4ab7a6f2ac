"""A decision: the answer of one evaluation, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

Action = Literal["retrain", "judge", "hold", "blocked"]
ASKS: tuple[Action, ...] = ("retrain", "judge")
"""What asks for a run."""
CODE = "code"
"""Cause of a decision about code that was changed; its episodes are named after today's."""
CHALLENGER = "challenger"
"""Cause of a decision about a challenger that waits for its look; its episodes train nothing and
are named after the version."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer of one evaluation; the newest is the one that is carried out."""

    action: Action
    cause: str | None
    """What decided: the cause of a finding, "calendar", "code", "challenger", "champion" or
    "breaker"; None where nothing is due."""
    reason: str
    event_time: datetime | None
    """Event time of the evidence, None where no finding had a verdict."""
    decided_at: datetime
    episode: str | None = None
    """The incident whose retraining, or whose second look, this decision begins or goes on with."""
    until: datetime | None = None
    """When what holds the retraining back ends by itself."""

    @property
    def asks(self) -> bool:
        """Whether it asks for a run."""
        return self.action in ASKS
