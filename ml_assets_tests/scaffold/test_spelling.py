from __future__ import annotations

import duckdb
import pytest

from ml_assets.scaffold.spelling import bare


@pytest.mark.parametrize("name", ["amount", "Region Name", "order", "2nd", 'a"b', "date", "über"])
def test_duckdb_reads_the_name_back(name: str) -> None:
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t ({bare(name)} INTEGER)")
        assert con.execute(f"SELECT {bare(name)} FROM t").description[0][0] == name


def test_only_what_must_be_is_quoted() -> None:
    assert [bare(name) for name in ("amount", "date", "order")] == ["amount", "date", '"order"']
