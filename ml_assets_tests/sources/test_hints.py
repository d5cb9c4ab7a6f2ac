from __future__ import annotations

from ml_assets.sources.hints import did_you_mean, listed


def test_case_does_not_matter() -> None:
    assert did_you_mean("Origin", ["origin", "dest"]) == " Did you mean `origin`?"


def test_nothing_near_is_nothing_said() -> None:
    assert did_you_mean("origin", ["weather"]) == ""


def test_long_lists_are_cut() -> None:
    assert listed("abcd", 2) == "a, b and 2 more"
