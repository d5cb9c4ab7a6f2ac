"""The challenge: one look at a challenger beside the champion, its refit, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_assets import clock
from ml_assets.assets.books import GATE, keep, record
from ml_assets.assets.gate_window import Contender, comparison, contender, operate
from ml_assets.assets.live import go_live
from ml_assets.assets.refit import held, refit, register_refit
from ml_assets.assets.rival import other_code, rival
from ml_assets.assets.same_code import changed_features, changed_since
from ml_assets.assets.train import question
from ml_assets.loop.gate import judge
from ml_assets.ml.training_table import partitions_of
from ml_assets.warehouse.appended import PromotionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml_assets.assets.books import Books
    from ml_assets.assets.refit import Refit
    from ml_assets.assets.rival import Rival
    from ml_assets.assets.training_set import Reading
    from ml_assets.loop.criterion import Criterion
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline

NOTHING = "Not enough data: no row with a known label that neither version was trained on."


@dataclass(frozen=True, kw_only=True)
class Look:
    """Who is compared with whom, on which state of the lake, and in which run."""

    pipeline: Pipeline
    books: Books
    source: Callable[[], Reading]
    """Raises MLAssetsError where the lake is in no state to be trained on."""
    champion: Contender
    challenger: Contender
    run_id: str
    episode: str | None

    def row(
        self, reason: str, numbers: dict[str, Any], refitted: Version | None = None
    ) -> PromotionRow:
        """Return the ledger's row: of the challenger that stays, or of the refit to go live."""
        version = refitted or self.challenger.version
        return PromotionRow(
            promoted_at=clock.now(),
            promoted=refitted is not None,
            from_version=self.champion.version.version,
            to_version=version.version,
            reason=reason,
            decided_by=GATE,
            numbers={"challenger": self.challenger.version.version, **numbers},
            episode=self.episode,
            run_id=self.run_id,
        )


def challenge(
    pipeline: Pipeline,
    books: Books,
    champion: Version,
    challenger: Version,
    source: Callable[[], Reading],
    run_id: str,
    episode: str | None,
) -> PromotionRow:
    """Judge the challenger and do what follows; return the row as it was written."""
    from ml_assets.registry.versions import CHALLENGER, set_alias

    keep(books, challenger)
    set_alias(books.tracking_uri, challenger, CHALLENGER)
    look = Look(
        pipeline=pipeline,
        books=books,
        source=source,
        champion=contender(books.settings, champion),
        challenger=contender(books.settings, challenger),
        run_id=run_id,
        episode=episode,
    )
    row = _look(look)
    if row.promoted:
        return go_live(books, row)
    record(books, row)
    return row


def _look(look: Look) -> PromotionRow:
    """Return what the look comes to; a refit that is to go live is registered by then."""
    obstacle = _obstacle(look)
    if obstacle:
        return look.row(obstacle, {})
    source = look.source()
    found = rival(look.pipeline, look.books, source, look.champion, look.challenger)
    if isinstance(found, str):
        return look.row(_not_compared(look, [found]), {})
    if not found.rows.challenger.num_rows:
        return look.row(NOTHING, {"window": [], "unseen": 0})
    return _judged(look, source, found)


def _judged(look: Look, source: Reading, found: Rival) -> PromotionRow:
    settings, rows, both = look.books.settings, found.rows, (found.who, look.challenger)
    today = rows.challenger
    window = comparison(look.pipeline, rows, *both)
    seen = operate(look.pipeline, settings, rows, *both, look.books.on_wait)
    verdict = judge(window, seen, look.pipeline.declaration.retraining.gate)
    numbers: dict[str, Any] = {
        "window": partitions_of(today),
        "unseen": rows.unseen,
        "snapshot": source.snapshot,
        "champion_snapshot": rows.snapshot,
        "compared_with": found.who.version.version,
        "criteria": _told(verdict.reasons),
    }
    why = [found.stands_in] if found.stands_in else []
    if not verdict.passed:
        return look.row(" ".join([*why, *_why_not(verdict.reasons)]), numbers)
    reason = " ".join([*why, verdict.reasons[0].sentence])
    look.books.on_wait(f"{look.challenger.name} passed and is refitted on all data. {reason}")
    made = refit(look.pipeline, settings, source, look.challenger, look.run_id)
    shown = held(settings, made, today, window, look.books.on_wait)
    return _refitted(look, made, shown, reason, numbers)


def _refitted(
    look: Look, made: Refit, shown: Sequence[Criterion], reason: str, numbers: dict[str, Any]
) -> PromotionRow:
    """Return the row with which a refit goes live, or is refused."""
    numbers = {**numbers, "refit": _told(shown)}
    failed = [one.sentence for one in shown if not one.passed]
    if failed:
        return look.row(f"It passed, but not its refit. {' '.join(failed)}", numbers)
    version = register_refit(look.books.settings, made, look.challenger, look.run_id)
    return look.row(reason, numbers, version)


def _obstacle(look: Look) -> str:
    """Say what forbids to compare, other code or another question, or nothing."""
    texts = []
    changed = changed_since(look.pipeline, look.challenger.record)
    if changed:
        champions = changed_features(look.pipeline, look.champion.record)
        both = ((look.challenger, changed), (look.champion, champions))
        texts = [other_code(who, names) for who, names in both if names]
    asked, today = look.champion.record.question, question(look.pipeline)
    if asked not in {"", today}:
        texts.append(f"{look.champion.name} answers {asked}, the question is {today}")
    return _not_compared(look, texts) if texts else ""


def _not_compared(look: Look, why: Sequence[str]) -> str:
    return (
        f"Not compared: {'; '.join(why)}. Train a version as declared today, or decide yourself:"
        f" `ml-assets promote {look.pipeline.name} <version>`."
    )


def _told(criteria: Sequence[Criterion]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "passed": one.passed, "sentence": one.sentence, "numbers": one.numbers}
        for one in criteria
    ]


def _why_not(criteria: Sequence[Criterion]) -> list[str]:
    """Return the sentences of what failed; the first criterion is in the way unjudged as well."""
    first, *others = criteria
    failed = [] if first.passed else [first.sentence]
    return [*failed, *(one.sentence for one in others if one.passed is False)]
