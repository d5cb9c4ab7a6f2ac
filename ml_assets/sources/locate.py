"""Which files a declaration means: paths, globs, and files inside an installed package."""

from __future__ import annotations

from glob import glob, has_magic
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ml_assets.errors import DataError
from ml_assets.sources.hints import listed, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence


def locate(patterns: Sequence[str], package: str | None) -> dict[str, Path]:
    """Return name to absolute path of every file meant, sorted per pattern, each once.

    Relative patterns start at the working directory, or anywhere in the package's files.
    """
    installed = _distribution(package) if package is not None else None
    found: dict[str, Path] = {}
    for pattern in patterns:
        found |= _in_folder(pattern) if installed is None else _in_package(pattern, installed)
    return found


def _in_folder(pattern: str) -> dict[str, Path]:
    path = Path(pattern).expanduser()
    if path.is_file():
        return {pattern: path.resolve()}
    if not has_magic(pattern):
        raise _missing(pattern, path)
    # Path.glob refuses absolute patterns.
    names = sorted(glob(str(path), recursive=True))  # noqa: PTH207
    matches = {name: Path(name).resolve() for name in names if Path(name).is_file()}
    if not matches:
        raise _missing(pattern, path)
    return matches


def _missing(pattern: str, path: Path) -> DataError:
    if path.is_dir():
        return DataError(f"{pattern} is a folder.", f"Write a glob such as {pattern}/*.csv.")
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    wanted = path.relative_to(folder).parts[0]
    near = nearest(wanted, sorted(entry.name for entry in folder.iterdir()), 3)
    what = "no file matches" if has_magic(pattern) else "there is no file"
    return DataError(
        f"{what} {pattern} (looked in {folder.resolve()}).",
        (f"The nearest names there: {listed(near)}. " if near else "")
        + "Relative paths start at the working directory.",
    )


def _distribution(package: str) -> Distribution:
    try:
        return distribution(package)
    except PackageNotFoundError as error:
        raise DataError(
            f"package {package} is not installed.",
            f"Run `pip install {package}` and add it to the requirements.",
        ) from error


def _in_package(pattern: str, installed: Distribution) -> dict[str, Path]:
    # The metadata lists the files, so a package that cannot be imported still delivers.
    package = installed.metadata["Name"]
    files = {str(file): Path(str(file.locate())).resolve() for file in installed.files or ()}
    matches = {name: path for name, path in files.items() if PurePosixPath(name).match(pattern)}
    present = {
        f"{package}: {name}": path for name, path in sorted(matches.items()) if path.is_file()
    }
    if not present:
        raise _not_in_package(pattern, package, files)
    if len(present) > 1 and not has_magic(pattern):
        raise DataError(
            f"{pattern} means several files of the package {package}: {listed(matches)}.",
            "Write the path as it stands there.",
        )
    return present


def _not_in_package(pattern: str, package: str, files: dict[str, Path]) -> DataError:
    name = PurePosixPath(pattern).name
    near = nearest(name, [PurePosixPath(file).name for file in files], 3)
    hint = f"The nearest names in it: {listed(near)}." if near else "Look at `pip show -f` for it."
    return DataError(f"the package {package} has no file {pattern}.", hint)
