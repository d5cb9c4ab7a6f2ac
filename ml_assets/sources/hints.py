"""Near names, for messages that guess what was meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return up to `count` of the `known` names that look like `name`, whatever their case."""
    by_case = {other.lower(): other for other in known}
    return [by_case[near] for near in get_close_matches(name.lower(), by_case, count, 0.6)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean `x`?" for the nearest name, or nothing."""
    near = nearest(name, known)
    return f" Did you mean `{near[0]}`?" if near else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return `names` joined by commas, cut after `most`."""
    all_names = list(names)
    shown = ", ".join(all_names[:most])
    return f"{shown} and {len(all_names) - most} more" if len(all_names) > most else shown
