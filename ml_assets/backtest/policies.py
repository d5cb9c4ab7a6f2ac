"""The policies that can be compared: each decides from what was seen so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from ml_assets.errors import DeclarationError
from ml_assets.loop.decide import decide
from ml_assets.ml.metrics import RANKING
from ml_assets.monitors.days import SCORE, is_score
from ml_assets.monitors.psi import psi
from ml_assets.reports.scores import metric
from ml_assets.tables.evidence import evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.backtest.seen import Seen
    from ml_assets.loop.decision import Decision
    from ml_assets.loop.history import History
    from ml_assets.tables.pipeline import Pipeline

NEVER = "never"
EACH = {"month": "monthly", "week": "weekly", "day": "daily"}
"""What retraining after every partition is called."""
COMPARED = (
    *("every:3", "auc:.02", "psi:.1", "calibration"),
    *("defs-without-gate", "defs-without-refit", "defs"),
)
"""Those that are asked for where none is named."""
UNSCORED = "the partition was scored by an earlier model"


@dataclass(frozen=True)
class Policy:
    """When to retrain, and whether what was retrained has to pass the gate to go live."""

    name: str
    description: str
    decide: Callable[[Seen], Decision]
    gated: bool = False
    monitored: bool = False
    """Whether it decides from what the monitors say."""
    refits: bool = True
    """Whether what passed the gate is refitted on what was held out, before it goes live."""


@dataclass(frozen=True)
class _Kind:
    """A policy, or a family of them with a number."""

    description: str
    make: Callable[[float], Callable[[Seen], Decision]]
    default: float | None = None
    """The number where a family's is left out; None for a policy without one."""
    gated: bool = False
    monitored: bool = False
    refits: bool = True


def policies(names: list[str], pipeline: Pipeline) -> list[Policy]:
    """Return the named policies, all of them for no name, between those that are the ends.

    What retrains never and what retrains after every partition are always there: gain and regret
    are measured from them.
    """
    each = EACH[pipeline.declaration.partitions.every]
    wanted = names or [*COMPARED]
    ranked = pipeline.declaration.model.problem in RANKING
    if not names and not ranked:
        wanted.remove("auc:.02")
    found = {policy.name: policy for policy in (_policy(name, each) for name in wanted)}
    ends = {NEVER: _policy(NEVER, each), each: _policy(each, each)}
    if "auc" in {name.partition(":")[0] for name in wanted} and not ranked:
        raise DeclarationError(
            f"The policy auc needs probabilities, {pipeline.name} is a regression.",
            "Leave it out.",
        )
    return [ends[NEVER], ends[each], *(one for key, one in found.items() if key not in ends)]


def _policy(name: str, each: str) -> Policy:
    if name == each:
        return Policy(name, "after every partition, no gate", _every(1))
    kind_name, _, given = name.partition(":")
    kind = KINDS.get(kind_name)
    if kind is None or (given and kind.default is None):
        raise _unknown(name, each)
    number = _number(name, given, each) if given else kind.default or 0.0
    description = kind.description.format(number=f"{number:g}")
    return Policy(name, description, kind.make(number), kind.gated, kind.monitored, kind.refits)


def _number(name: str, given: str, each: str) -> float:
    try:
        number = float(given)
    except ValueError as error:
        raise _unknown(name, each) from error
    if not 0 < number < float("inf") or (name.startswith("every") and number % 1):
        raise _unknown(name, each)
    return number


def _unknown(name: str, each: str) -> DeclarationError:
    families = {key: f"{key}:{kind.default:g}" for key, kind in KINDS.items() if kind.default}
    known = ", ".join([each, *(families.get(key, key) for key in KINDS)])
    return DeclarationError(
        f"There is no policy {name!r}.", f"There are {known}, with numbers of your own."
    )


def _never(_: float) -> Callable[[Seen], Decision]:
    return lambda seen: seen.hold("never")


def _every(number: float) -> Callable[[Seen], Decision]:
    def decided(seen: Seen) -> Decision:
        if seen.number % number:
            return seen.hold(f"{seen.number % number:g} of {number:g} partitions are over")
        over = "partition is" if number == 1 else "partitions are"
        return seen.retrain("calendar", f"{number:g} {over} over")

    return decided


def _auc(allowed: float) -> Callable[[Seen], Decision]:
    def decided(seen: Seen) -> Decision:
        if not seen.judges:
            return seen.hold(UNSCORED)
        name = RANKING[seen.models.spec.problem]
        found, usual = seen.metric(name), seen.usual.metrics[name]
        if found is None:
            return seen.hold(f"{metric(name).name} is undefined: all labels are of one class")
        told = f"{metric(name).name} {found:.4f}, {usual:.4f} out of fold in training"
        return seen.retrain("auc", told) if found < usual - allowed else seen.hold(told)

    return decided


def _psi(limit: float) -> Callable[[Seen], Decision]:
    def decided(seen: Seen) -> Decision:
        if not seen.judges:
            return seen.hold(UNSCORED)
        before, now = seen.usual.reference.days.histograms, seen.view.window.histograms
        each = {
            name: float(psi(counts.sum(axis=0), now[name].sum(axis=0)))
            for name, counts in before.items()
            if is_score(name)
        }
        # Of several classes the one that moved farthest.
        name, found = max(each.items(), key=itemgetter(1))
        told = f"PSI of the {'scores' if name == SCORE else name} {found:.3f}"
        return seen.retrain("psi", told) if found > limit else seen.hold(told)

    return decided


def _calibration(_: float) -> Callable[[Seen], Decision]:
    def decided(seen: Seen) -> Decision:
        bands = [one for one in seen.found if one.cause == "observed_expected"]
        if not bands:
            return seen.hold(UNSCORED)
        # Of several classes the one that decides is named before.
        reason = bands[-1].reason.replace("calibration: ", "", 1)
        if bands[-1].verdict == "alarm":
            return seen.retrain("calibration", reason)
        return seen.hold(reason)

    return decided


def _declared(_: float) -> Callable[[Seen], Decision]:
    return lambda seen: _decide(seen, seen.history)


def _declared_and_gated(_: float) -> Callable[[Seen], Decision]:
    """Only a gate holds out what is newest, so that there may be nothing new to learn."""
    return lambda seen: _decide(seen, replace(seen.history, repeats=seen.repeats))


def _decide(seen: Seen, history: History) -> Decision:
    findings = evidence([*seen.said, *seen.found], seen.version)
    return decide(findings, history, seen.pipeline.declaration.retraining, seen.tick.moment)


KINDS = {
    NEVER: _Kind("the first model stays", _never),
    "every": _Kind("after every {number} partitions, no gate", _every, 3),
    "auc": _Kind("when the AUC is more than {number} below the reference, no gate", _auc, 0.02),
    "psi": _Kind("when the PSI of the scores is above {number}, no gate", _psi, 0.1),
    "calibration": _Kind(
        "when observed / expected is outside its band, no gate", _calibration, monitored=True
    ),
    "defs-without-gate": _Kind(
        "as declared, but all goes live that is retrained", _declared, monitored=True
    ),
    "defs-without-refit": _Kind(
        "as declared, but the challenger itself goes live",
        _declared_and_gated,
        gated=True,
        monitored=True,
        refits=False,
    ),
    "defs": _Kind(
        "as declared, with gate, refit, cooldown, budget and breaker",
        _declared_and_gated,
        gated=True,
        monitored=True,
    ),
}
