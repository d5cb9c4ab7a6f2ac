"""A challenger that has not had its look yet, for lack of rows to compare losses on."""

from __future__ import annotations

from dataclasses import dataclass

from ml_assets.words import counted


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A challenger that waits for partitions that neither it nor the champion was trained on."""

    version: int
    there: int
    """Such partitions whose labels are known by now."""
    needed: int
    """How many it takes: what a retraining holds out, and more than there were the last time."""
    every: str
    """Length of a partition: day, week or month."""

    @property
    def ready(self) -> bool:
        """Whether the gate can look again."""
        return self.there >= self.needed

    def __str__(self) -> str:
        """Say what it waits for and how much of that is there."""
        needed = counted(self.needed, self.every)
        return (
            f"version {self.version} waits for rows that neither version was trained on:"
            f" {self.there} of {needed} so far"
        )
