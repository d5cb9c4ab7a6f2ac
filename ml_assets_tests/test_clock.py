from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ml_assets import clock
from ml_assets.errors import MLAssetsError


def test_the_walls_time_in_utc_unless_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.NOW, raising=False)
    now = clock.now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["2013-07-01T02:00:00+02:00", "2013-07-01T00:00:00Z"])
def test_a_set_instant_is_now(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(clock.NOW, text)
    assert clock.now() == datetime(2013, 7, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("text", ["yesterday", "2013-07-01T00:00:00", ""])
def test_what_is_no_instant_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(clock.NOW, text)
    with pytest.raises(MLAssetsError, match=f"ML_ASSETS_NOW is {text!r}, no instant"):
        clock.now()
