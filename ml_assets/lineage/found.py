"""What was built from one slice, as data: tables, models, scores, verdicts and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.lineage.names import told

if TYPE_CHECKING:
    from datetime import datetime

    from ml_assets.lineage.registered import Live


@dataclass(frozen=True)
class Content:
    """What the slice in question held, from one building of it on."""

    data_version: str
    """Content hash."""
    rows: int
    since: datetime
    run_id: str


@dataclass(frozen=True)
class AffectedSlice:
    """A stored slice of a table that was built from the slice in question."""

    table: str
    partition: str | None
    rows: int
    since: datetime
    """When it first held what it holds."""
    outdated: bool
    """Whether it comes from what the slice in question, or a table between, held before."""


@dataclass(frozen=True)
class TrainedSlice:
    """A slice as a version's training set held it."""

    table: str
    partition: str | None
    then: str
    """Content hash at the version's snapshot."""
    now: str | None
    """Content hash today; None where the slice is gone."""

    @property
    def differs(self) -> bool:
        """Whether it holds something else today."""
        return self.then != self.now


@dataclass(frozen=True)
class AffectedVersion:
    """A model version whose training set, or only whose test window, held affected slices."""

    version: int
    aliases: tuple[str, ...]
    live: tuple[Live, ...]
    snapshot: int
    trained_at: datetime
    """By then a label had to be known."""
    trained: tuple[TrainedSlice, ...]
    tested: tuple[TrainedSlice, ...]
    """Affected slices behind its test metrics only."""
    rows: int | None
    """Training rows in the affected partitions; None where the snapshot has expired."""
    training_rows: int

    @property
    def differs(self) -> bool:
        """Whether an affected slice that it was trained on holds something else today."""
        return any(one.differs for one in self.trained)


@dataclass(frozen=True)
class AffectedScores:
    """A slice of scores whose features, or whose model, come from the slice in question."""

    partition: str | None
    version: int
    rows: int
    since: datetime
    features: bool
    """Whether features that the version reads are affected."""
    model: bool
    """Whether the version was trained on affected slices."""
    outdated: bool


@dataclass(frozen=True)
class AffectedVerdict:
    """What a monitor said of affected scores or features."""

    monitor: str
    cause: str
    period: str
    verdict: str
    version: int | None
    since: datetime
    outdated: bool


@dataclass(frozen=True)
class AffectedDecision:
    """An evaluation of the policy, or a look of the gate, whose evidence was affected."""

    at: datetime
    who: str
    """policy or gate."""
    action: str
    reason: str
    version: int | None
    partitions: tuple[str, ...]
    """The affected partitions among the evidence."""


@dataclass(frozen=True, kw_only=True)
class Impact:
    """All that was built from one slice, as the lake, its ledgers and the registry have it."""

    pipeline: str
    table: str
    partition: str | None
    contents: tuple[Content, ...]
    """What it held, oldest first; the last is what it holds today."""
    slices: tuple[AffectedSlice, ...]
    versions: tuple[AffectedVersion, ...]
    scores: tuple[AffectedScores, ...]
    verdicts: tuple[AffectedVerdict, ...]
    decisions: tuple[AffectedDecision, ...]
    fallback: int | None
    """The version before the champion, where it was not trained on affected slices."""
    unread: tuple[int, ...] = ()
    """Versions whose training record is gone: what they were trained on is not known."""

    @property
    def name(self) -> str:
        """The slice in question, such as raw.flights 2013-05."""
        return told((self.table, self.partition))

    @property
    def nothing(self) -> bool:
        """Whether nothing was ever built from it."""
        return not any((self.slices, self.versions, self.scores, self.verdicts, self.decisions))
