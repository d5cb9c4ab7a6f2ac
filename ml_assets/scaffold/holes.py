"""The newest stretch of a history without a hole: what can be cut into partitions."""

from __future__ import annotations

MOST = 240
"""Partitions that are taken: twenty years of months; each costs some time in every run."""


def newest_whole(counts: dict[str, int]) -> dict[str, int]:
    """Return the partitions after the last empty one, at most `MOST`; `counts` is in time order.

    Nothing where these hold less than half of the rows: a hole then is the rule.
    """
    kept: dict[str, int] = {}
    for key, count in reversed(counts.items()):
        if not count or len(kept) == MOST:
            break
        kept[key] = count
    after_hole = len(kept) < min(len(counts), MOST)
    if after_hole and 2 * sum(kept.values()) < sum(counts.values()):
        return {}
    return dict(reversed(kept.items()))
