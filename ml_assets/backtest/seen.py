"""What a policy may know when a partition has closed: nothing that happened later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.backtest.model import watched
from ml_assets.backtest.past import digest
from ml_assets.loop.decision import Decision
from ml_assets.ml import metrics
from ml_assets.monitors.days import SUMS
from ml_assets.tables.challenger import repeats
from ml_assets.tables.findings import Found
from ml_assets.tables.looks import drift_found, performance_found
from ml_assets.tables.views import make_view

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.backtest.calendar import Tick
    from ml_assets.backtest.model import Model, Usual
    from ml_assets.backtest.models import Models
    from ml_assets.loop.history import History
    from ml_assets.monitors.days import Days
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.tables.views import View


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The live model at a tick, what it scored so far, and what was decided before."""

    tick: Tick
    number: int
    """Of the tick, the first is 1."""
    models: Models
    model: Model
    version: int
    """Of the live model; the first is 1 and each promotion counts one on."""
    scored: Sequence[str]
    """The partitions up to the tick's that the live model scored, in order."""
    history: History
    said: Sequence[Found]
    """What the monitors said at earlier ticks of the live model."""

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that is lived through."""
        return self.models.past.pipeline

    @property
    def judges(self) -> bool:
        """Whether the tick's partition was scored by the live model, and says something of it."""
        return self.tick.key in self.scored

    @cached_property
    def usual(self) -> Usual:
        """The live model's reference, with its metrics out of fold."""
        return self.models.usual(self.model)

    @cached_property
    def view(self) -> View:
        """What the monitors look at; there is nothing to see unless the partition `judges`."""
        days = [self.models.days(self.model, key, self.tick.moment) for key in self.scored]
        return make_view(
            self.pipeline,
            self.tick.key,
            self.version,
            self.usual.reference,
            joined(days),
            self.history.answered_until,
        )

    @cached_property
    def found(self) -> list[Found]:
        """What the monitors that may retrain say of the tick's partitions."""
        if len(self.tick.keys) > 1:
            return [one for key in self.tick.keys for one in self._of(key).found]
        if not self.judges:
            return []
        text = self.models.shelf.text("findings", self._looked_at, self._look)
        own = {"event_time": self._ends, "model_version": self.version}
        return [Found(**{**one, **own}) for one in json.loads(text)]

    def _of(self, key: str) -> Seen:
        """Return what is seen of one of the tick's partitions."""
        scored = [one for one in self.scored if one <= key]
        return replace(self, tick=replace(self.tick, keys=(key,)), scored=scored)

    @property
    def repeats(self) -> bool:
        """Whether a challenger would be trained and tuned on just what the live model was."""
        past, moment = self.models.past, self.tick.moment
        known = past.known_facts(past.over(moment), moment)
        return repeats(past.pipeline, known, self.model.windows, moment)

    @property
    def _looked_at(self) -> str:
        """Return the hash of everything that decides what the monitors find."""
        declared, outcomes = self.pipeline.declaration, self.models.past.outcomes
        moment = self.tick.moment
        known = [int(outcomes[key].known(moment).sum()) for key in self.scored]
        content = [self.models.past.content[key] for key in self.scored]
        drift = declared.retraining.trigger.drift is not None
        answered = self.history.answered_until
        settled = self.models.past.settled(moment)
        told = [
            watched(self.model),
            content,
            known,
            settled,
            asdict(declared.monitoring),
            answered,
            drift,
        ]
        return digest(told)

    def _look(self) -> str:
        found = performance_found(self.pipeline, self.view)
        if self.pipeline.declaration.retraining.trigger.drift is not None:
            found += drift_found(self.pipeline, self.view)
        return json.dumps([{**vars(one), "event_time": None} for one in found])

    def metric(self, name: str) -> float | None:
        """Return a metric of the live model on the tick's partition, by the labels known.

        None where these, all of one class, do not define it.
        """
        key, moment, past = self.tick.key, self.tick.moment, self.models.past
        label = past.outcomes[key].label[past.outcomes[key].known(moment)]
        score = self.models.answers(self.model, [key], moment, past.classes)
        return metrics.measure_defined(self.models.spec.problem, label, score).get(name)

    def hold(self, reason: str) -> Decision:
        """Return the decision to leave things as they are."""
        return Decision(
            action="hold",
            cause=None,
            reason=reason,
            event_time=self._ends,
            decided_at=self.tick.moment,
        )

    def retrain(self, cause: str, reason: str) -> Decision:
        """Return the decision to retrain."""
        return Decision(
            action="retrain",
            cause=cause,
            reason=reason,
            event_time=self._ends,
            decided_at=self.tick.moment,
            episode=f"{cause}-{self.tick.key}",
        )

    @property
    def _ends(self) -> datetime:
        return self.pipeline.partitions.window(self.tick.key).end


def joined(parts: Sequence[Days]) -> Days:
    """Return the days of several partitions, which follow each other, as one."""
    first = parts[0]
    sums: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in SUMS
    }
    classes = dict.fromkeys(name for part in parts for name in part.classes)
    return type(first)(
        dates=np.concatenate([part.dates for part in parts]),
        **sums,
        histograms={
            name: np.concatenate([part.histograms[name] for part in parts])
            for name in first.histograms
        },
        # Where a class had no label yet, nothing is added up of it.
        classes={
            name: np.concatenate(
                [part.classes.get(name, np.zeros((len(part), 3))) for part in parts]
            )
            for name in classes
        },
    )
