"""A pipeline that cannot be read, shown in the UI instead of hiding the others."""

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.errors import MLAssetsError

if TYPE_CHECKING:
    from pathlib import Path

LOADS = "loads"
"""Name of the check that fails."""


def broken_pipeline(name: str, message: str) -> dg.Definitions:
    """Return the asset `<name>/broken` with the message and a check that fails with it."""
    key = dg.AssetKey([name, "broken"])
    text = f"This pipeline cannot be loaded.\n\n```\n{message}\n```"

    @dg.asset(
        key=key,
        group_name=name if name.isidentifier() else "broken",
        description=text,
        metadata={"error": dg.MetadataValue.md(text)},
        check_specs=[dg.AssetCheckSpec(LOADS, asset=key, blocking=True, description=text)],
    )
    def broken() -> Iterator[dg.AssetCheckResult]:
        yield dg.AssetCheckResult(
            passed=False, check_name=LOADS, metadata={"error": dg.MetadataValue.md(text)}
        )
        raise dg.Failure(message, allow_retries=False)

    return dg.Definitions(assets=[broken])


def explain(error: BaseException, folder: "Path") -> str:
    """Return what a person needs to know of an error raised while `folder` was loaded."""
    while not isinstance(error, MLAssetsError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, MLAssetsError):
        return str(error)
    return f"{_place(error, folder)}{type(error).__name__}: {error}"


def _place(error: BaseException, folder: "Path") -> str:
    """Return `<file>:<line>: ` of the last line in the user's own Python, if there is one."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: "
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(folder))]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
