"""What assets left in Dagster's event log: metadata of the newest materialization or check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg


@dataclass(frozen=True)
class Checked:
    """The newest evaluation of an asset check."""

    passed: bool
    values: dict[str, Any]
    """Metadata, as plain values."""


def latest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any] | None:
    """Return the metadata values of the asset's newest materialization, None if there is none."""
    event = instance.get_latest_materialization_event(key)
    found = event.asset_materialization if event is not None else None
    return None if found is None else _values(found.metadata)


def latest_check(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, *, passed: bool = False
) -> Checked | None:
    """Return the newest evaluation of a check, or the newest that passed; None without one."""
    # A run that was killed leaves checks planned that it never evaluated.
    records = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status={Status.SUCCEEDED} if passed else {Status.SUCCEEDED, Status.FAILED}
    )
    event = records[0].event if records else None
    if event is None or event.dagster_event is None:
        return None
    found = event.dagster_event.asset_check_evaluation_data
    return Checked(found.passed, _values(found.metadata))


def _values(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    return {name: item.value for name, item in metadata.items()}
