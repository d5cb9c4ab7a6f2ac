"""Rebuild a registered model from its record and say whether it is the same, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ml_assets.assets.train import TRAINING_CODE, code_versions, read_at, train_again
from ml_assets.errors import MLAssetsError, StorageError, TrackingError

if TYPE_CHECKING:
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings


@dataclass(frozen=True)
class Reproduction:
    """The verdict on one version."""

    version: Version
    identical: bool
    model_hash: str | None
    """Hash of the rebuilt model; None where it cannot be rebuilt."""
    reasons: list[str]
    """What is not as when the model was trained."""
    gone: bool = False
    """Whether it is the data that cannot be read any more."""

    def lines(self) -> list[str]:
        """Return the verdict in words, first the answer."""
        name = f"{self.version.name} version {self.version.version}"
        if self.identical:
            return [
                f"identical: {name} was rebuilt bit for bit, hash {self.model_hash}",
                *self.reasons,
            ]
        if self.gone:
            return [f"gone: {name} cannot be rebuilt", *self.reasons]
        if self.model_hash is None:
            return [f"different: {name} cannot be rebuilt by today's code", *self.reasons]
        why = self.reasons or ["nothing known differs: please report this as a fault"]
        return [f"different: {name} came out with hash {self.model_hash}", *why]


def find_version(settings: Settings, reference: str) -> Version:
    """Return the version that `name@alias` or `name/number` names; raises TrackingError."""
    from ml_assets.registry.versions import versions

    name, mark, which = reference.partition("@" if "@" in reference else "/")
    found = versions(settings.tracking_uri, name)
    for one in found:
        if (mark == "@" and which in one.aliases) or (mark == "/" and which == str(one.version)):
            return one
    known = ", ".join(f"{name}/{one.version}" for one in found) or "none"
    raise TrackingError(
        f"No registered version is called {reference}.", f"Versions of {name}: {known}."
    )


def reproduce(pipeline: Pipeline, settings: Settings, version: Version) -> Reproduction:
    """Rebuild the training set from the recorded snapshot and train with recorded parameters."""
    from ml_assets.registry.record import differences, environment, read_record

    record = read_record(settings.tracking_uri, version.run_id)
    reasons = differences(record, environment(), code_versions(pipeline))
    try:
        rebuilt, digest = _retrain(pipeline, settings, record)
    except StorageError as error:
        return _failed(version, str(error), [_unread(record), *reasons], gone=True)
    except MLAssetsError as error:
        return _failed(version, str(error), reasons)
    except duckdb.BinderException as error:
        # Today's SQL names a column that the tables did not have then.
        return _failed(version, str(error).splitlines()[0], reasons)
    if digest != record.training_set_hash:
        reasons.insert(0, f"training set: {record.training_set_hash} then, {digest} now")
    return Reproduction(version, rebuilt == record.model_hash, rebuilt, reasons)


def _failed(version: Version, why: str, reasons: list[str], *, gone: bool = False) -> Reproduction:
    return Reproduction(
        version, identical=False, model_hash=None, reasons=[why, *reasons], gone=gone
    )


def _unread(record: TrainingRecord) -> str:
    """Name the tables that the model was made of at its snapshot."""
    tables = sorted(name for name in record.code_versions if name != TRAINING_CODE)
    return f"cannot be read as of snapshot {record.snapshot_id}: {', '.join(tables)}"


def _retrain(pipeline: Pipeline, settings: Settings, record: TrainingRecord) -> tuple[str, str]:
    from ml_assets.ml import split

    table, digest = read_at(
        pipeline, settings, record.snapshot_id, record.labels_known_by, record.features
    )
    rows, _ = split.earlier(table, record.windows["train"], record.windows["test"])
    return train_again(pipeline, record, rows).model_hash, digest
