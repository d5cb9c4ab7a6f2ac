"""What a retraining comes to: a model that goes live at once, or one that the gate has to pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.loop.gate import Operation, judge
from ml_assets.loop.paired import Comparison
from ml_assets.loop.sanity import sanity
from ml_assets.ml import split
from ml_assets.ml.classes import codes
from ml_assets.ml.model import vocabulary
from ml_assets.ml.slices import slice_values
from ml_assets.ml.training_table import clusters
from ml_assets.tables.challenger import challenger_windows, closed_partitions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ml_assets.backtest.model import Model
    from ml_assets.backtest.models import Models
    from ml_assets.backtest.past import Past
    from ml_assets.loop.criterion import Criterion


@dataclass(frozen=True)
class Retrained:
    """The models that a retraining made, and the one that goes live; None: none of them."""

    made: tuple[Model, ...]
    live: Model | None
    reason: str


def retrain(models: Models, closed: Sequence[str], moment: datetime) -> Retrained:
    """Train on the partitions `closed` by `moment`; the model goes live."""
    try:
        model = models.train(_newest(models.past, closed), moment)
    except DataError as error:
        return _failed(error)
    return Retrained((model,), model, "no gate")


def challenge(
    models: Models, champion: Model, moment: datetime, *, refits: bool = True
) -> Retrained:
    """Train a challenger, judge it on what neither has seen, and refit it when it passes.

    Without `refits` it goes live itself, and has learned nothing of what it was judged on.

    As in production, but that no model is packed: it answers alike, in the same time. Nor does a
    challenger wait for rows to be judged on: with too few it has lost.
    """
    past, declared = models.past, models.past.pipeline.declaration
    over = past.over(moment)
    known = past.known_facts(over, moment)
    windows = challenger_windows(past.pipeline, known, moment)
    try:
        challenger = models.train(windows.train, moment)
    except DataError as error:
        return _failed(error)
    closed = closed_partitions(past.pipeline, known, moment)
    unseen = [key for key in closed if key > max(*champion.keys, *challenger.keys)]
    rows = past.known_facts(unseen, moment)
    if not rows.num_rows:
        return Retrained((challenger,), None, "No row that neither was trained on.")
    classes = vocabulary(rows, (champion.trained, challenger.trained))
    seen = Comparison(
        problem=declared.model.problem,
        label=codes(rows, classes),
        champion=models.answers(champion, unseen, moment, classes),
        challenger=models.answers(challenger, unseen, moment, classes),
        classes=classes,
        clusters=clusters(rows),
        slices={name: slice_values(rows, name) for name in declared.evaluation.slices},
    )
    verdict = judge(seen, _operation(challenger), declared.retraining.gate)
    if not verdict.passed:
        return Retrained((challenger,), None, _said(verdict.reasons))
    if not refits:
        return Retrained((challenger,), challenger, verdict.reasons[0].sentence)
    refit = models.train(_newest(past, closed), moment, challenger)
    shown = sanity(seen, models.answers(refit, unseen, moment, classes))
    if not all(one.passed for one in shown):
        reason = f"It passed, but not its refit. {_said(shown)}"
        return Retrained((challenger, refit), None, reason)
    return Retrained((challenger, refit), refit, verdict.reasons[0].sentence)


def _failed(error: DataError) -> Retrained:
    """Return a retraining that its data does not allow, as in production: what is live stays."""
    return Retrained((), None, f"The training fails. {error.fact}")


def _newest(past: Past, keys: Sequence[str]) -> list[str]:
    return split.newest(keys, past.pipeline.declaration.retraining.window.train)


def _said(criteria: Sequence[Criterion]) -> str:
    """Return the sentences of what failed; the first criterion is in the way unjudged as well."""
    first, *others = criteria
    failed = [] if first.passed else [first.sentence]
    return " ".join([*failed, *(one.sentence for one in others if one.passed is False)])


def _operation(challenger: Model) -> Operation:
    """Return what a packed model that is the measured one shows; latency would not be the same."""
    return Operation(
        golden_identical=True,
        signature_known=True,
        champion_latency=1.0,
        challenger_latency=1.0,
        megabytes=len(challenger.trained.booster_text.encode()) / 1e6,
    )
