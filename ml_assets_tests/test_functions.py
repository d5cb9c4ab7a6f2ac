from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.functions import load_function

if TYPE_CHECKING:
    from pathlib import Path

CODE = '''\
"""What the file is about."""
from dataclasses import dataclass
import math

FACTOR = 2
OTHER: int = 3


@dataclass(frozen=True)
class Pair:
    left: float
    right: float


def helper(x: float) -> float:
    return FACTOR * math.floor(x)


def made(start, *, seed=0, width=1.5):
    """Return a pair.

    More of it.
    """
    return Pair(helper(start), width)


def other():
    return OTHER
'''


def write(folder: Path, text: str = CODE) -> Path:
    (folder / "own.py").write_text(text, encoding="utf-8")
    return folder


def test_a_function_is_found_and_called(tmp_path: Path) -> None:
    found = load_function(write(tmp_path), "own.py:made")
    pair = found.call(3.7)
    assert (pair.left, pair.right) == (6, 1.5)
    assert (found.name, found.summary) == ("made", "Return a pair.")
    assert list(found.parameters) == ["start", "seed", "width"]


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    assert load_function(write(tmp_path), "own.py:made").call(3.7).left == 6
    write(tmp_path, CODE.replace("FACTOR = 2", "FACTOR = 5"))
    assert load_function(tmp_path, "own.py:made").call(3.7).left == 15


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("OTHER: int = 3", "OTHER: int = 4", True),
        ("return OTHER", "return OTHER + 1", True),
        ("    More of it.\n", "    Less of it.  \n", True),
        ("import math\n", "import math  # for floor\n\n\n", True),
        ('"""What the file is about."""\n', "", True),
        ("width=1.5", "width=1.6", False),
        ("FACTOR = 2", "FACTOR = 3", False),
        ("math.floor", "math.ceil", False),
        ("right: float", "right: float = 0.0", False),
        ("def other", "made.speed = 1\n\n\ndef other", False),
    ],
)
def test_the_code_is_what_the_function_reaches(
    tmp_path: Path, old: str, new: str, *, same: bool
) -> None:
    before = load_function(write(tmp_path), "own.py:made").code
    assert CODE.count(old) == 1
    after = load_function(write(tmp_path, CODE.replace(old, new)), "own.py:made").code
    assert (before == after) is same


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("made", ["'made' names no function", "file.py:function"]),
        ("own.sql:made", ["names no function"]),
        ("gone.py:made", ["gone.py does not exist", "Write made"]),
        ("own.py:mode", ["no function 'mode'", "Did you mean 'made'?"]),
        ("own.py:Pair", ["no function 'Pair'"]),
        ("own.py:xyz", ["no function 'xyz'", "It has helper, made, other"]),
    ],
)
def test_a_wrong_reference_is_named(tmp_path: Path, reference: str, words: list[str]) -> None:
    with pytest.raises(DeclarationError) as caught:
        load_function(write(tmp_path), reference)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = 1 / 0\n", ["own.py:2: ZeroDivisionError"]),
        ("x = 1\n\ndef made(:\n", ["own.py:3: SyntaxError"]),
        ("import nothing_of_this_name\n", ["own.py:1: ModuleNotFoundError"]),
    ],
)
def test_a_file_that_cannot_run_says_where(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(DeclarationError) as caught:
        load_function(write(tmp_path, text), "own.py:made")
    for word in words:
        assert word in str(caught.value)


def test_what_it_is_given_must_fit(tmp_path: Path) -> None:
    found = load_function(write(tmp_path), "own.py:made")
    found.accept(("start", "seed"), "generator")
    with pytest.raises(DeclarationError, match=r"unexpected keyword argument 'wide'.*start, seed"):
        found.accept(("start", "wide"), "generator")
    with pytest.raises(DeclarationError, match="missing a required argument: 'start'"):
        found.accept(("seed",), "generator")
