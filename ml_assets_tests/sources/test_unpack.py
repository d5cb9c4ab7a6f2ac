from __future__ import annotations

import errno
import gzip
import shutil
import tempfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DataError, StorageError
from ml_assets_tests.sources.helpers import load_file, rows

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

COLUMNS = {"a": "INTEGER"}
LONG = "a\n" + "\n".join(str(i) for i in range(100_000)) + "\n"


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def cut(path: Path, keep: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def test_a_zip_may_hold_several_csvs(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    members = {"b/2.csv": "a\n2\n", "1.csv": "a\n1\n", "README.txt": "?", "__MACOSX/1.csv": "?"}
    load_file(con, zipped(tmp_path / "a.zip", members), COLUMNS)
    assert sorted(rows(con, "flights")) == [(1,), (2,)]


def test_gzip_is_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(LONG.encode()))
    assert load_file(con, tmp_path / "a.csv.gz", COLUMNS).kept_rows == 100_000


@pytest.mark.parametrize("keep", [0.1, 0.9, 0.9999])
def test_a_truncated_gzip_is_no_short_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, keep: float
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(LONG.encode()))
    with pytest.raises(DataError, match=r"raw.flights: .*a\.csv\.gz is truncated or damaged"):
        load_file(con, cut(path, keep), COLUMNS)


@pytest.mark.parametrize("keep", [0.1, 0.9, 0.9999])
def test_a_truncated_zip_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, keep: float
) -> None:
    path = cut(zipped(tmp_path / "a.csv.zip", {"a.csv": LONG}), keep)
    with pytest.raises(DataError, match=r"raw.flights: .*a\.csv\.zip is truncated or damaged"):
        load_file(con, path, COLUMNS)


def test_a_damaged_member_is_found_by_its_checksum(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "a\n12345\n")
    path = tmp_path / "a.zip"
    path.write_bytes(path.read_bytes().replace(b"12345", b"12945"))
    with pytest.raises(DataError, match="truncated or damaged"):
        load_file(con, path, COLUMNS)


def test_a_zip_without_csv_says_what_it_holds(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"holds no CSV file \(it holds: a\.txt\)"):
        load_file(con, zipped(tmp_path / "a.zip", {"a.txt": "a\n1\n"}), COLUMNS)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.zip", "a.jsonl", "a.parquet"])
def test_an_empty_file_is_named(con: duckdb.DuckDBPyConnection, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"raw.flights: .*{name} is empty \(0 bytes\)"):
        load_file(con, tmp_path / name, COLUMNS)


def test_an_empty_file_inside_is_named(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"a\.csv\.gz is empty"):
        load_file(con, tmp_path / "a.csv.gz", COLUMNS)


@pytest.mark.parametrize("text", ["a\n1\n", "b\n1\n"])
def test_nothing_unpacked_stays(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = zipped(tmp_path / "a.zip", {"a.csv": text})
    if text.startswith("a"):
        load_file(con, path, COLUMNS)
    else:
        with pytest.raises(DataError):
            load_file(con, path, COLUMNS)
    assert list(scratch.iterdir()) == []


def test_a_full_disk_is_named(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(StorageError, match=r"the disk is full while unpacking into .*TMPDIR"):
        load_file(con, zipped(tmp_path / "a.zip", {"a.csv": "a\n1\n"}), COLUMNS)
