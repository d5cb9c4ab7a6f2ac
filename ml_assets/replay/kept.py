"""Stop and resume: the state is copied after every tick, and a torn one is thrown away.

A kill in the middle of a tick may leave anything: a version that was registered and not judged, a
run that failed and is not tried again before its back-off. Production goes on from there, but a
replay that did would tell another story than one that was not disturbed. So it goes back to the
last tick that was finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import ml_assets
from ml_assets.errors import MLAssetsError
from ml_assets.registry.store import disconnect

if TYPE_CHECKING:
    from ml_assets.replay.root import Root
    from ml_assets.tables.pipeline import Pipeline

PART = ".part"
WHOLE = "whole"
"""File in the state that holds the number of finished ticks; it is not there during a tick."""
IDENTITY = "replay.json"
IMMUTABLE = ".parquet"
DECLARED = frozenset({".yaml", ".sql", ".py"})


def finished(root: Root) -> int:
    """Return how many ticks are finished and kept."""
    return max((int(path.name) for path in _copies(root)), default=0)


def restore(root: Root) -> int:
    """Bring the state to the last finished tick; return the number of finished ticks."""
    done, mark = finished(root), root.state / WHOLE
    if done and mark.is_file() and mark.read_text(encoding="utf-8") == str(done):
        return done
    disconnect()
    shutil.rmtree(root.state, ignore_errors=True)
    if done:
        _copy(root.kept / str(done), root.state)
        mark.write_text(str(done), encoding="utf-8")
    return done


def begin(root: Root) -> None:
    """Mark the state as torn until the tick that begins is kept."""
    root.prepare()
    (root.state / WHOLE).unlink(missing_ok=True)


def keep(root: Root, done: int) -> None:
    """Keep the state after `done` finished ticks; older copies go."""
    part = root.kept / f"{done}{PART}"
    shutil.rmtree(part, ignore_errors=True)
    _copy(root.state, part)
    part.rename(root.kept / str(done))
    (root.state / WHOLE).write_text(str(done), encoding="utf-8")
    for path in _copies(root):
        if path.name != str(done):
            shutil.rmtree(path)


def require_same(root: Root, pipeline: Pipeline) -> None:
    """Raise MLAssetsError unless the replay was begun with this declaration and this code."""
    path, now = root.folder / IDENTITY, _identity(pipeline)
    if not path.is_file():
        root.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(now, indent=2), encoding="utf-8")
        return
    then = json.loads(path.read_text(encoding="utf-8"))
    changed = [name for name in now if then.get(name) != now[name]]
    if changed:
        raise MLAssetsError(
            f"The {' and the '.join(changed)} changed since this replay of {pipeline.name} began:"
            " its months would not be comparable.",
            f"Begin anew with --fresh, or go back to what was. It lies in {root.folder}.",
        )


def forget(root: Root) -> None:
    """Remove everything of a replay but its lock."""
    disconnect()
    # First what would be resumed: a kill in between leaves nothing of it.
    for path in (root.kept, root.state):
        shutil.rmtree(path, ignore_errors=True)
    for file in (path for path in root.folder.glob("*") if path.suffix != ".lock"):
        file.unlink()


def _identity(pipeline: Pipeline) -> dict[str, str]:
    package = Path(ml_assets.__file__).parent
    code = [path for path in package.rglob("*.py") if "pipelines" not in path.parts]
    declared = [path for path in pipeline.folder.rglob("*") if path.suffix in DECLARED]
    return {"declaration": _digest(pipeline.folder, declared), "code": _digest(package, code)}


def _digest(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _copies(root: Root) -> list[Path]:
    return [path for path in root.kept.glob("*") if path.suffix != PART]


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> str:
    # A Parquet file of the lake is never written to again; everything else may be.
    if source.endswith(IMMUTABLE):
        # Not every file system has links.
        with contextlib.suppress(OSError):
            os.link(source, target)
            return target
    return shutil.copy2(source, target)
