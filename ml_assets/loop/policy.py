"""What a pipeline declares about retraining: what may cause it, and what holds it back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.loop.gate_spec import GateSpec
from ml_assets.sql.tables import STRICT

Count = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[int, Field(ge=1, le=3650)]
FOUR_WEEKS = {"day": 28, "week": 4, "month": 1}
"""Partitions of each length that hold every weekday four times, the shortest month among them."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WindowRule:
    """Due when `alarms` of the last `of` closed windows are in alarm, the newest among them."""

    alarms: Count
    """Windows in alarm that make the trigger due."""
    of: Count
    """Newest closed windows that are looked at."""

    def __post_init__(self) -> None:
        """Refuse a rule that no windows could meet."""
        if self.alarms > self.of:
            raise ValueError(f"{self.alarms} alarms cannot be among the last {self.of} windows")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TriggerSpec:
    """Which causes may retrain, the first that is due; None means never."""

    calibration: WindowRule | None = WindowRule(alarms=1, of=1)
    """One alarm is enough: the CUSUM has added up the evidence of many days, at a false-alarm rate
    of its own, and waiting for a second alarm only delays it."""
    performance: WindowRule | None = WindowRule(alarms=2, of=3)
    """A window's limit is broken by chance at a rate p, two of three with the newest at about
    2 p^2, a tenth of it for p = .05; a change that stays is found one window later."""
    drift: WindowRule | None = None
    """Off: what moved says nothing about the loss of the model; drift informs. Switched on, it is
    drift of the predictions that asks: a feature the model does not use moves none of them."""
    max_age_days: Days | None = 180
    """Days from the newest training, whether it was promoted or not, until the calendar asks for
    one: twice a year meets both halves of a yearly season and leaves half the budget to alarms."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BudgetSpec:
    """At most `retrains` within any `days`."""

    retrains: Count = 4
    """One per season; the cooldown alone would allow 13 a year, and each of them is one more chance
    to promote by luck."""
    days: Days = 365
    """A whole yearly cycle, so that a season that returns is not paid for twice."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AttemptSpec:
    """How often a run that failed or was cancelled is tried again."""

    limit: Annotated[int, Field(ge=1, le=10)] = 3
    """A lock or a server that restarts is over by the third; what remains needs a person."""
    backoff_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """Minutes from the first failure to the second attempt, doubling with each: time for a
    restart, and with three attempts a verdict within the hour and the length of the runs."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WindowSpec:
    """Which partitions a retraining trains on and which it holds out for the gate."""

    train: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Rolling: the newest so many, in the refit after the gate as well. None is expanding, all:
    more rows help while the past resembles the present, and the gate sees where it does not."""
    test: Count | None = None
    """Newest closed partitions that are held out; None: as few as hold four weeks. What is held out
    is missing in the challenger, and fewer than two weeks of days are too few for the gate."""

    def held_out(self, every: str) -> int:
        """Return how many partitions of that length (day, week, month) are held out."""
        return self.test or FOUR_WEEKS[every]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Policy:
    """When to retrain without being asked."""

    trigger: TriggerSpec = TriggerSpec()
    """What makes a retraining due."""
    cooldown_days: Annotated[int, Field(ge=0, le=3650)] = 28
    """Days after a retraining that succeeded: two to four weeks of labels judge a new model, and
    four whole weeks hold every weekday equally often."""
    budget: BudgetSpec = BudgetSpec()
    """How many retrainings are allowed in which time."""
    breaker: Count = 3
    """Retrains in a row without a promotion after which a person has to look: a gate that passes
    nine of ten real improvements refuses three of them in a row once in a thousand."""
    attempts: AttemptSpec = AttemptSpec()
    """What happens to a run that failed."""
    window: WindowSpec = WindowSpec()
    """What a retraining trains on and holds out."""
    gate: GateSpec = GateSpec()
    """What a retrained model must show before it goes live."""
