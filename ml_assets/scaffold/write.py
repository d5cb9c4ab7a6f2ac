"""The files of a new pipeline: written aside, loaded as a check, then put in place."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ml_assets.component.folder import load_folder
from ml_assets.folders import DEFS_FILE
from ml_assets.scaffold.words import table_names, words

if TYPE_CHECKING:
    from ml_assets.scaffold.draft import Draft

TEMPLATES = Path(__file__).parent / "templates"


def write_pipeline(draft: Draft, folder: Path) -> list[Path]:
    """Write the pipeline's folder and return its files; nothing is left where it cannot load."""
    with TemporaryDirectory(prefix="ml-assets-") as aside:
        made = Path(aside) / folder.name
        for name, text in files(draft).items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        load_folder(made)
        shutil.copytree(made, folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def files(draft: Draft) -> dict[str, str]:
    """Return the text of each file, by its path inside the pipeline's folder."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML and SQL, not HTML
    )
    rows, outcomes = table_names(draft)
    given = words(draft)
    return {
        name: environment.get_template(template).render(given)
        for name, template in {
            DEFS_FILE: "defs.yaml.jinja",
            f"cleaned/{rows}.sql": "facts.sql.jinja",
            f"cleaned/{outcomes}.sql": "outcomes.sql.jinja",
            f"features/{rows}.sql": "features.sql.jinja",
        }.items()
    }
