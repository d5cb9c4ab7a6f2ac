"""Write the generated files anew: `make docs`."""

from __future__ import annotations

from ml_assets.reference.files import generated


def main() -> None:
    """Write every generated file."""
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
