"""A pipeline that cannot be read, shown in the UI instead of hiding the others."""

from __future__ import annotations

import dagster as dg


def broken_pipeline(name: str, message: str) -> dg.Definitions:
    """Return the asset `<name>/broken` with the message and a check that fails with it."""
    key = dg.AssetKey([name, "broken"])
    text = f"This pipeline cannot be loaded.\n\n```\n{message}\n```"

    @dg.asset(
        key=key,
        group_name=name if name.isidentifier() else "broken",
        description=text,
        metadata={"error": dg.MetadataValue.md(text)},
    )
    def broken() -> dg.MaterializeResult[None]:
        raise dg.Failure(message, allow_retries=False)

    @dg.asset_check(asset=key, name="loads", blocking=True, description=text)
    def loads() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, metadata={"error": dg.MetadataValue.md(text)})

    return dg.Definitions(assets=[broken], asset_checks=[loads])
