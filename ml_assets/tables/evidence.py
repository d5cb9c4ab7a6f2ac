"""From what the monitors found to what the decision is made on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ml_assets.loop.triggers import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ml_assets.loop.triggers import Verdict
    from ml_assets.tables.findings import Found

ALIASES = {"observed_expected": "calibration"}
"""What else speaks for a cause: a window outside its band is as good a reason as a CUSUM."""
BROKEN = ("data_quality", "freshness")
"""Causes of which only the newest window counts: what was mended since is no finding any more."""


def evidence(said: Sequence[Found], version: int | None) -> list[Finding]:
    """Return what is said of the champion `version`, and of the newest data."""
    own = [
        item
        for item in said
        if item.cause not in BROKEN and version is not None and item.model_version == version
    ]
    return [_finding(item) for item in (*own, *_newest(said))]


def _newest(said: Iterable[Found]) -> list[Found]:
    newest: dict[str, Found] = {}
    for item in sorted(said, key=lambda one: one.event_time):
        if item.cause in BROKEN:
            newest[item.cause] = item
    return list(newest.values())


def _finding(found: Found) -> Finding:
    cause = ALIASES.get(found.cause, found.cause)
    return Finding(
        cause=cause,
        verdict=cast("Verdict", found.verdict),
        window=found.period,
        at=found.event_time,
        # The decision names the cause itself.
        reason=found.reason.removeprefix(f"{cause}: "),
    )
