from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_assets.sources import identity
from ml_assets.sources.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def fingerprint(path: Path, **declared: object) -> str:
    return resolve({"kind": "files", "path": str(path)} | declared).fingerprint()


def test_the_same_content_is_the_same_whenever_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    before = fingerprint(file)
    os.utime(file, (1, 1))
    assert fingerprint(file) == before


def test_changed_content_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    os.utime(file, (1, 1))
    before = fingerprint(file)
    file.write_text("a\n2\n")
    os.utime(file, (1, 1))
    assert fingerprint(file) != before


def test_a_declaration_that_reads_otherwise_is_another(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    assert fingerprint(file) != fingerprint(file, nulls="NA")


def test_a_new_file_under_the_glob_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    before = fingerprint(tmp_path / "*.csv")
    (tmp_path / "b.csv").write_text("a\n1\n")
    assert fingerprint(tmp_path / "*.csv") != before


def test_a_large_file_is_known_by_time_size_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "WHOLE", 100)
    monkeypatch.setattr(identity, "EDGE", 10)
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * 1000)
    os.utime(file, (1, 1))
    before = identity.file_identity(file)
    assert identity.file_identity(file) == before
    file.write_bytes(b"x" * 999 + b"y")
    os.utime(file, (1, 1))
    assert identity.file_identity(file) != before
    file.write_bytes(b"x" * 1000)
    os.utime(file, (2, 2))
    assert identity.file_identity(file) != before
