"""What a pipeline declares about its monitors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.sql.tables import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MonitoringSpec:
    """How often a monitor may be wrong, over how many days it looks, and when data is broken."""

    false_alarms_per_year: Annotated[float, Field(gt=0, le=12)] = 1.0
    """Per model and kind of alarm when nothing changed: one is what a person still looks into."""
    window_days: Annotated[int, Field(ge=14, le=366)] = 28
    """Days a window has where partitions are shorter: four whole weeks hold every weekday equally
    often and most changes of a calendar month."""
    missing: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of rows without a value, above the most that as many days in a row had in the
    reference, that means broken data: worlds do not lose a tenth of a column, sources do."""
    grace_days: Annotated[int, Field(ge=0, le=366)] = 2
    """Days after the end of a partition until it is called stale when it was not built."""
