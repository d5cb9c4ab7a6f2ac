"""What to do about a slice that is bad, or was: one line, from what was built from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.words import counted

if TYPE_CHECKING:
    from ml_assets.lineage.found import AffectedVersion, Impact

CHAMPION = "champion"


def advice(found: Impact) -> str:
    """Return what brings everything in order again, by what is not in order."""
    run, live = f"`ml-assets run {found.pipeline}`", _champion(found)
    slices = any(one.outdated for one in found.slices)
    if slices or any(one.outdated for one in found.scores):
        trained = "" if live is None else f"; it trains a challenger for version {live.version}"
        return f"{run} builds again what still comes from earlier content{trained}."
    if live is not None and live.differs:
        return (
            f"The tables are in order. Champion version {live.version} was trained on what"
            f" {found.name} held before: {run} trains a challenger{_back(found)}."
        )
    if found.nothing:
        return "Nothing was built from it."
    return f"Nothing, unless {found.name} is bad: {_mend(found)}, then {run}{_again(found)}."


def _mend(found: Impact) -> str:
    raw = found.table.startswith("raw.")
    return "correct its source" if raw else "correct what it is built from"


def _again(found: Impact) -> str:
    live = _champion(found)
    rows = sum(one.rows for one in found.scores if one.features)
    parts = [f"builds {counted(len(found.slices), 'slice')} again"]
    parts += [f"scores {counted(rows, 'row')} anew"] if rows else []
    parts += [] if live is None else [f"trains a challenger for version {live.version}"]
    back = "" if live is None else _back(found)
    return f" {', '.join(parts)}{back}"


def _back(found: Impact) -> str:
    """Offer the version before, where it was not trained on what is listed here."""
    if found.fallback is None:
        return ""
    return (
        f"; `ml-assets rollback {found.pipeline}` goes back to version {found.fallback} till then"
    )


def _champion(found: Impact) -> AffectedVersion | None:
    """Return the champion where it was trained on what is affected."""
    return next((one for one in found.versions if CHAMPION in one.aliases and one.trained), None)
