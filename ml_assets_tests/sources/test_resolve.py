from __future__ import annotations

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.sources.files import Files
from ml_assets.sources.resolve import resolve


def test_a_declaration_becomes_its_source() -> None:
    declared = {"kind": "files", "path": ["a.csv", "b.csv"], "nulls": "NA"}
    assert resolve(declared) == Files(path=("a.csv", "b.csv"), nulls="NA")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"path": "a.csv"}, ["`kind` is missing", "Known kinds: files, simulated"]),
        ({"kind": "file", "path": "a.csv"}, ["'file' is no kind", "Did you mean `files`?"]),
        ({"kind": "files", "pth": "a.csv"}, ["unknown key `pth`", "Did you mean `path`?"]),
        ({"kind": "files", "path": "a", None: "NA"}, ["`null`", "Did you mean `nulls`?"]),
        ({"kind": "files"}, ["`path` is missing"]),
        ({"kind": "files", "path": []}, ["`path` is []"]),
        ({"kind": "files", "path": "a.csv", "nulls": -1}, ["`nulls` is -1", "quote"]),
        ({"kind": "files", "path": "a.csv", "delimiter": "||"}, ["`delimiter` is '||'"]),
    ],
)
def test_a_wrong_declaration_is_named(declared: dict[str, object], words: list[str]) -> None:
    with pytest.raises(DeclarationError) as caught:
        resolve(declared)
    for word in words:
        assert word in str(caught.value)


def test_a_source_describes_itself_without_reading() -> None:
    declared = {"kind": "files", "path": "data/x.csv", "package": "nowhere"}
    assert resolve(declared).describe() == "data/x.csv in the package nowhere"
