"""A pipeline that cannot be read, shown in the UI instead of hiding the others."""

import re
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.errors import DeclarationError, MLAssetsError

if TYPE_CHECKING:
    from pathlib import Path

LOADS = "loads"
"""Name of the check that fails."""


_PLACE = re.compile(r"(\S+:\d+): (.+)")
"""A line of a message that begins with file and line."""
_CODE = re.compile(r"(`[^`]*`)")
_MARKS = re.compile(r"[*<\[]|(?<!\w)_|_(?!\w)")
"""What Markdown would take for its own; an underscore within a name is none."""


def broken_pipeline(name: str, fault: MLAssetsError) -> dg.Definitions:
    """Return the asset `<name>/broken` with the message and a check that fails with it."""
    key = dg.AssetKey([name, "broken"])
    text = told(fault)

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
        raise dg.Failure(str(fault), allow_retries=False)

    return dg.Definitions(assets=[broken])


def told(fault: MLAssetsError) -> str:
    """Return the fault as Markdown: an item per fact, with its file and line, and what to do."""
    items = "\n".join(f"- {_item(line)}" for line in fault.fact.splitlines() if line.strip())
    return f"This pipeline cannot be loaded.\n\n{items}\n\n**What to do:** {_literal(fault.hint)}"


def _item(line: str) -> str:
    found = _PLACE.fullmatch(line)
    return f"`{found[1]}`: {_literal(found[2])}" if found else _literal(line)


def _literal(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, but for what is marked as code."""
    parts = _CODE.split(text)
    parts[::2] = [_MARKS.sub(r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def users_fault(error: BaseException) -> MLAssetsError | None:
    """Return the error, or the cause of it, that says what to do; None where there is none."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, MLAssetsError):
        found = found.__cause__
    return found


def explain(error: BaseException, folder: "Path") -> MLAssetsError:
    """Return what a person needs to know of an error raised while `folder` was loaded."""
    fault = users_fault(error)
    if fault is not None:
        return fault
    while error.__cause__ is not None:
        error = error.__cause__
    return DeclarationError(
        f"{_place(error, folder)}{type(error).__name__}: {error}",
        "`make check` shows the way there.",
    )


def _place(error: BaseException, folder: "Path") -> str:
    """Return `<file>:<line>: ` of the last line in the user's own Python, if there is one."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: "
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(folder))]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
