"""Write the generated files anew: `make docs`."""

from __future__ import annotations

from ml_assets.reference.files import generated

for path, text in generated().items():
    path.write_text(text, encoding="utf-8")
