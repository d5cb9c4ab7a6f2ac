"""A copy of one module and what it imports of ml_assets, as a package of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

_IMPORT = re.compile(r"^(\s*from )ml_assets((?:\.\w+)+)(?= import )", re.MULTILINE)


def copy_library(module: str, folder: Path) -> Path:
    """Copy `ml_assets.<module>` with its imports to `folder`; return the new package's folder.

    The package's name carries the hash of its content: two models in one process each keep the
    code they were trained with, and ml_assets itself, where installed, is not shadowed.
    """
    sources = _sources(module)
    content = "".join(f"{name}\n{text}" for name, text in sorted(sources.items()))
    package = folder / f"ml_assets_{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    for name, text in sources.items():
        path = package.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_IMPORT.sub(rf"\g<1>{package.name}\g<2>", text), encoding="utf-8")
    for parent in {package, *(path.parent for path in package.rglob("*.py"))}:
        (parent / "__init__.py").touch()
    return package


def _sources(module: str) -> dict[str, str]:
    """Return the text of a module and of all it imports of ml_assets, directly or not."""
    sources: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in sources:
            sources[name] = _read(f"ml_assets.{name}")
            waiting += [found[2].removeprefix(".") for found in _IMPORT.finditer(sources[name])]
    return sources


def _read(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin).read_text(encoding="utf-8")
