from __future__ import annotations

from ml_assets.reference.files import generated


def test_what_is_generated_is_not_stale() -> None:
    stale = [
        path.name
        for path, text in generated().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs`"
