"""What the loop knows of a champion that can score nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Unscorable:
    """A champion that can score nothing: its features are computed by other code today."""

    why: str
    """What changed, as a sentence."""
    by_hand: str
    """What a person can do about it, as a sentence."""
    untrained: str | None = None
    """Today's code, where it can be trained on and the gate has looked at no version of it."""

    def __str__(self) -> str:
        """Say why, and what to do."""
        return f"{self.why} {self.by_hand}"
