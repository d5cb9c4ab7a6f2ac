from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_assets.errors import MLAssetsError
from ml_assets.warehouse.settings import Settings, without_password

if TYPE_CHECKING:
    from pathlib import Path


def test_defaults_lie_under_the_data_folder(tmp_path: Path) -> None:
    found = Settings.from_environment({"ML_ASSETS_DATA": str(tmp_path)})
    assert found.catalog_file("flights") == tmp_path / "lake" / "flights.sqlite"
    assert found.storage_path("flights") == f"{tmp_path}/lake/flights/"
    assert found.tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert found.threads >= 1
    assert found.memory is None


def test_data_lies_in_the_repository_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace.yaml").touch()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert Settings.from_environment({}).data == tmp_path / "data"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres:host=db dbname=lake", "host=db dbname=lake"),
        ("postgres:postgresql://db/lake", "postgresql://db/lake"),
        ("postgresql://db/lake", "postgresql://db/lake"),
        ("postgres://db/lake", "postgres://db/lake"),
    ],
)
def test_a_postgres_catalog(given: str, kept: str) -> None:
    found = Settings.from_environment({"ML_ASSETS_CATALOG": given})
    assert found.catalog == kept
    assert found.catalog_file("flights") is None


def test_storage_on_s3() -> None:
    found = Settings.from_environment({"ML_ASSETS_STORAGE": "s3://bucket/lakes/"})
    assert found.storage_path("flights") == "s3://bucket/lakes/flights/"


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("ML_ASSETS_DATA", __file__, "a folder"),
        ("ML_ASSETS_CATALOG", "mysql", "postgresql://db/lake"),
        ("ML_ASSETS_STORAGE", "gs://bucket", "s3://bucket/prefix"),
        ("ML_ASSETS_THREADS", "0", "at least 1"),
        ("ML_ASSETS_THREADS", "many", "at least 1"),
        ("ML_ASSETS_MEMORY", "4", "4GB"),
        ("MLFLOW_TRACKING_URI", "mlruns", "sqlite:///"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_accepted(
    name: str, value: str, accepted: str
) -> None:
    with pytest.raises(MLAssetsError) as caught:
        Settings.from_environment({name: value})
    assert name in caught.value.fact
    assert value in caught.value.fact
    assert accepted in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "host=db password=hush user=a",
        "host=db password='hu sh' user=a",
        "postgresql://me:hush@db/lake",
    ],
)
def test_passwords_are_never_shown(text: str) -> None:
    shown = without_password(text)
    assert "hu" not in shown
    assert "***" in shown
