"""The one place that says where data, catalog, storage and model registry are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import MLAssetsError, StorageError, TrackingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSTGRES = re.compile(r"(postgres:)?(postgres(ql)?://\S+|.*\w+\s*=\s*\S+.*)")
_TRACKING = ("sqlite:///", "postgresql://", "postgresql+", "mysql", "mssql", "http://", "https://")
_MEMORY = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?)?B", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are; every path is absolute."""

    data: Path
    catalog: str | None = None
    """libpq connection string of the Postgres catalog; None: one SQLite file per pipeline."""
    storage: str | None = None
    """Folder or s3:// prefix of the Parquet files; None: beside the SQLite catalogs."""
    threads: int
    memory: str | None = None
    """DuckDB's memory limit, such as 4GB; None: its default, 80 % of the machine's."""
    tracking_uri: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of `environ` (os.environ); a wrong value names its variable."""
        values = os.environ if environ is None else environ
        data = _data(values)
        return cls(
            data=data,
            catalog=_catalog(values),
            storage=_storage(values),
            threads=_threads(values),
            memory=_memory(values),
            tracking_uri=_tracking(values, data),
        )

    @property
    def artifact_root(self) -> str | None:
        """Folder of the MLflow artifacts; None when a tracking server decides."""
        if self.tracking_uri.startswith(("http://", "https://")):
            return None
        return str(self.data / "mlflow" / "artifacts")

    def catalog_file(self, pipeline: str) -> Path | None:
        """Return the SQLite catalog of `pipeline`; None when the catalog is on Postgres."""
        return None if self.catalog else self.data / "lake" / f"{pipeline}.sqlite"

    def storage_path(self, pipeline: str) -> str:
        """Return the folder or s3:// prefix of `pipeline`'s Parquet files, with a final slash."""
        root = self.storage or str(self.data / "lake")
        return f"{root.rstrip('/')}/{pipeline}/"


def _data(values: Mapping[str, str]) -> Path:
    given = _given(values, "ML_ASSETS_DATA")
    path = Path(given).expanduser().resolve() if given else project_folder() / "data"
    if path.exists() and not path.is_dir():
        raise _wrong("ML_ASSETS_DATA", str(path), "a folder, which is created when missing")
    return path


def project_folder() -> Path:
    """Return the nearest folder with a workspace.yaml, here or above, else this one."""
    here = Path.cwd()
    return next((d for d in (here, *here.parents) if (d / "workspace.yaml").is_file()), here)


def _catalog(values: Mapping[str, str]) -> str | None:
    given = _given(values, "ML_ASSETS_CATALOG")
    if given is None:
        return None
    if not _POSTGRES.fullmatch(given):
        raise _wrong(
            "ML_ASSETS_CATALOG",
            without_password(given),
            "postgres: and a connection string (postgres:host=db dbname=lake or"
            " postgresql://db/lake), or leave it unset for SQLite files under ML_ASSETS_DATA",
        )
    return given.removeprefix("postgres:") if not given.startswith("postgres://") else given


def _storage(values: Mapping[str, str]) -> str | None:
    given = _given(values, "ML_ASSETS_STORAGE")
    if given is None or re.fullmatch(r"s3://[^/]+(/.*)?", given):
        return given
    if "://" in given:
        raise _wrong("ML_ASSETS_STORAGE", given, "a folder or s3://bucket/prefix")
    return str(Path(given).expanduser().resolve())


def _threads(values: Mapping[str, str]) -> int:
    given = _given(values, "ML_ASSETS_THREADS")
    if given is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    if not given.isdecimal() or int(given) < 1:
        raise _wrong("ML_ASSETS_THREADS", given, "a whole number of at least 1")
    return int(given)


def _memory(values: Mapping[str, str]) -> str | None:
    given = _given(values, "ML_ASSETS_MEMORY")
    if given is not None and not _MEMORY.fullmatch(given):
        raise _wrong("ML_ASSETS_MEMORY", given, "a size with its unit, such as 4GB or 512MiB")
    return given


def _tracking(values: Mapping[str, str], data: Path) -> str:
    given = _given(values, "MLFLOW_TRACKING_URI")
    if given is None:
        return f"sqlite:///{data}/mlflow/mlflow.db"
    if not given.startswith(_TRACKING):
        accepted = "sqlite:///<file>, a database URL (postgresql://...) or http(s)://<server>"
        raise _wrong("MLFLOW_TRACKING_URI", without_password(given), accepted, TrackingError)
    return given


def without_password(text: str) -> str:
    """Return `text` with the passwords of connection strings in it replaced by ***."""
    hidden = re.sub(
        r"(password\s*=\s*)('(\\.|[^'\\])*'|[^\s\"]+)", r"\1***", text, flags=re.IGNORECASE
    )
    return re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1***@", hidden)


def _given(values: Mapping[str, str], name: str) -> str | None:
    return values.get(name, "").strip() or None


def _wrong(
    name: str, value: str, accepted: str, kind: type[MLAssetsError] = StorageError
) -> MLAssetsError:
    return kind(f"{name} is {value!r}.", f"Set it to {accepted}.")
