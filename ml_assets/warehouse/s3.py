"""Access to S3 storage with the standard AWS_* variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_assets.errors import StorageError
from ml_assets.sql.names import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

DEFAULT_REGION = "us-east-1"


def allow(
    con: duckdb.DuckDBPyConnection, url: str, environ: Mapping[str, str] = os.environ
) -> None:
    """Create a temporary DuckDB secret for everything under the s3:// `url`."""
    options = {"SCOPE": url, **_credentials(environ), **_endpoint(environ)}
    listed = ", ".join(f"{name} {literal(value)}" for name, value in options.items())
    con.execute(f"CREATE OR REPLACE SECRET ml_assets_storage (TYPE s3, PROVIDER config, {listed})")


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not environ.get(name):
            raise StorageError(
                f"ML_ASSETS_STORAGE is on S3 and {name} is not set.",
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN, AWS_REGION"
                " and AWS_ENDPOINT_URL where they apply).",
            )
    options = {
        "KEY_ID": environ["AWS_ACCESS_KEY_ID"],
        "SECRET": environ["AWS_SECRET_ACCESS_KEY"],
        "REGION": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
    }
    token = environ.get("AWS_SESSION_TOKEN")
    return {**options, "SESSION_TOKEN": token} if token else options


def _endpoint(environ: Mapping[str, str]) -> dict[str, str]:
    url = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if not url:
        return {}
    scheme, found, host = url.partition("://")
    if not found or scheme not in ("http", "https"):
        raise StorageError(
            f"AWS_ENDPOINT_URL is {url!r}.", "Set it to http://<host> or https://<host>."
        )
    return {
        "ENDPOINT": host.rstrip("/"),
        "URL_STYLE": "path",
        "USE_SSL": "true" if scheme == "https" else "false",
    }
