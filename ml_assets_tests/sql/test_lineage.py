from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import ml_assets.pipelines
from ml_assets.sql.lineage import column_lineage
from ml_assets.sql.select import dependencies, parse

SCHEMAS = {
    ("raw", "t"): {
        "k": "INTEGER",
        "a": "INTEGER",
        "b": "INTEGER",
        "ts": "TIMESTAMPTZ",
        "s": "STRUCT(f INTEGER)",
        "xs": "INTEGER[]",
    },
    ("raw", "u"): {"k": "INTEGER", "c": "INTEGER", "ts": "TIMESTAMPTZ"},
}


def lineage(text: str) -> dict[str, str]:
    """Return {output column: "t.a u.c"}, in short names."""
    found = column_lineage(parse(text, "f.sql"), SCHEMAS)
    return {
        name: " ".join(sorted(".".join(origin[-2:]) for origin in origins))
        for name, origins in found.items()
    }


CASES = {
    "plain": ("SELECT a, T.B AS z, 1 AS one FROM raw.t", {"a": "t.a", "z": "t.b", "one": ""}),
    "full name": ("SELECT raw.t.a FROM raw.t", {"a": "t.a"}),
    "expression": ("SELECT a + b // 2 AS x FROM raw.t", {"x": "t.a t.b"}),
    "star": ("SELECT * FROM raw.u", {"k": "u.k", "c": "u.c", "ts": "u.ts"}),
    "star of one": (
        "SELECT u.*, t.a FROM raw.t JOIN raw.u ON t.k = u.k",
        {"k": "u.k", "c": "u.c", "ts": "u.ts", "a": "t.a"},
    ),
    "star with changes": (
        "SELECT * EXCLUDE (ts) REPLACE (k + c AS k) RENAME (c AS d) FROM raw.u",
        {"k": "u.c u.k", "d": "u.c"},
    ),
    "star after using": (
        "SELECT * EXCLUDE (a, b, ts, s, xs) FROM raw.t LEFT JOIN raw.u USING (k, ts)",
        {"k": "t.k", "c": "u.c"},
    ),
    "using in an outer join": (
        "SELECT k FROM raw.t FULL JOIN raw.u USING (k)",
        {"k": "t.k u.k"},
    ),
    "natural join": ("SELECT k, c FROM raw.t NATURAL JOIN raw.u", {"k": "t.k", "c": "u.c"}),
    "cte": (
        "WITH x AS (SELECT a AS p FROM raw.t), y AS (SELECT p + 1 AS q FROM x) SELECT q FROM y",
        {"q": "t.a"},
    ),
    "cte column names": ("WITH x(p, q) AS (SELECT a, b FROM raw.t) SELECT q FROM x", {"q": "t.b"}),
    "cte hides nothing of a table": (
        "WITH t AS (SELECT b AS a FROM raw.t) SELECT t.a, r.a AS x FROM t, raw.t AS r",
        {"a": "t.b", "x": "t.a"},
    ),
    "asof join": (
        "SELECT t.a, u.c FROM raw.t ASOF LEFT JOIN raw.u ON t.k = u.k AND t.ts >= u.ts",
        {"a": "t.a", "c": "u.c"},
    ),
    "asof using": (
        "SELECT k, ts, c FROM raw.t ASOF JOIN raw.u USING (k, ts)",
        {"k": "t.k", "ts": "t.ts", "c": "u.c"},
    ),
    "window": (
        "SELECT sum(a) OVER (PARTITION BY k ORDER BY ts) AS x FROM raw.t",
        {"x": "t.a t.ts t.k"},
    ),
    "named window": (
        "SELECT sum(a) OVER w AS x FROM raw.t WINDOW w AS (PARTITION BY k)",
        {"x": "t.a t.k"},
    ),
    "qualify, where and order do not make values": (
        "SELECT a FROM raw.t WHERE b > 0 QUALIFY rank() OVER (PARTITION BY k) = 1 ORDER BY ts",
        {"a": "t.a"},
    ),
    "lateral alias": (
        "SELECT a + b AS x, x * k AS y FROM raw.t",
        {"x": "t.a t.b", "y": "t.a t.b t.k"},
    ),
    "a column before an alias": ("SELECT b AS a, a AS x FROM raw.t", {"a": "t.b", "x": "t.a"}),
    "count of a group": (
        "SELECT date_trunc('hour', ts) AS h, count(*) AS n FROM raw.t GROUP BY h",
        {"h": "t.ts", "n": "t.ts"},
    ),
    "count by position and all": (
        "SELECT k, count(*) AS n FROM raw.t GROUP BY 1 UNION ALL"
        " SELECT c, count() FROM raw.u GROUP BY ALL",
        {"k": "t.k u.c", "n": "t.k u.c"},
    ),
    "filtered aggregate": ("SELECT sum(a) FILTER (b > 0) AS x FROM raw.t", {"x": "t.a t.b"}),
    "union": ("SELECT a AS x FROM raw.t UNION SELECT c FROM raw.u", {"x": "t.a u.c"}),
    "union by name": (
        "SELECT a, b FROM raw.t UNION ALL BY NAME SELECT c AS b FROM raw.u",
        {"a": "t.a", "b": "t.b u.c"},
    ),
    "except": ("SELECT a FROM raw.t EXCEPT SELECT c FROM raw.u", {"a": "t.a"}),
    "values": (
        "SELECT sign * a AS x, n FROM raw.t, (VALUES (1, 'p'), (-1, 'm')) AS e (sign, n)",
        {"x": "t.a", "n": ""},
    ),
    "unnest": (
        "SELECT x, unnest(xs) AS y FROM raw.t, unnest(t.xs) AS n(x)",
        {"x": "t.xs", "y": "t.xs"},
    ),
    "struct": (
        "SELECT s.f, t.s.f AS g, (s).f AS h FROM raw.t",
        {"f": "t.s", "g": "t.s", "h": "t.s"},
    ),
    "lambda": (
        "SELECT list_transform(xs, lambda v: v + a) AS x, [v + 1 FOR v IN xs] AS y FROM raw.t",
        {"x": "t.a t.xs", "y": "t.xs"},
    ),
    "scalar subquery": (
        "SELECT (SELECT max(c) FROM raw.u WHERE u.k = t.k) AS x FROM raw.t",
        {"x": "u.c"},
    ),
    "correlated value": ("SELECT (SELECT max(c + a) FROM raw.u) AS x FROM raw.t", {"x": "t.a u.c"}),
    "exists": (
        "SELECT EXISTS (SELECT 1 FROM raw.u WHERE u.k = t.k) AS x FROM raw.t",
        {"x": "t.k u.k"},
    ),
    "in": ("SELECT a IN (SELECT c FROM raw.u) AS x FROM raw.t", {"x": "t.a u.c"}),
    "lateral join": (
        "SELECT q.z FROM raw.t, LATERAL (SELECT c + t.a AS z FROM raw.u) AS q",
        {"z": "t.a u.c"},
    ),
    "semi join": (
        "SELECT * FROM raw.u SEMI JOIN raw.t USING (k)",
        {"k": "u.k", "c": "u.c", "ts": "u.ts"},
    ),
    "subquery with column names": (
        "SELECT p FROM (SELECT a, b FROM raw.t) AS x(o, p)",
        {"p": "t.b"},
    ),
    "parenthesised join": (
        "SELECT t.a, u.c FROM (raw.t JOIN raw.u USING (k))",
        {"a": "t.a", "c": "u.c"},
    ),
    "recursive": (
        "WITH RECURSIVE r AS (SELECT a, 0 AS n FROM raw.t UNION ALL"
        " SELECT r.a, n + c FROM r JOIN raw.u ON true) SELECT * FROM r",
        {"a": "t.a", "n": "u.c"},
    ),
    "columns": ("SELECT COLUMNS('^[ab]$') FROM raw.t", {"a": "t.a", "b": "t.b"}),
    "max of columns": ("SELECT max(COLUMNS(* EXCLUDE (ts))) FROM raw.u", {"k": "u.k", "c": "u.c"}),
    "from first": ("FROM raw.u SELECT c", {"c": "u.c"}),
    "whole row": ("SELECT arg_max(u, ts) AS r FROM raw.u", {"r": "u.ts u.c u.k"}),
    "pivot": (
        'SELECT k, "1" AS x FROM (PIVOT raw.u ON c IN (1, 2) USING count(*))',
        {"k": "u.ts u.c u.k", "x": "u.ts u.c u.k"},
    ),
    "unknown table": ("SELECT z, v.y FROM other.cleaned.v", {"z": "v.z", "y": "v.y"}),
    "unknown name": ("SELECT nowhere AS x FROM raw.u", {"x": "u.ts u.c u.k"}),
}


@pytest.mark.parametrize("case", CASES)
def test_lineage(case: str) -> None:
    text, expected = CASES[case]
    ordered = {name: " ".join(sorted(origins.split())) for name, origins in expected.items()}
    assert lineage(text) == ordered


def test_declared_columns_that_nobody_lists_come_from_everything() -> None:
    text = "SELECT * FROM (PIVOT raw.u ON c IN (1, 2) USING count(*)) JOIN raw.t USING (k)"
    found = column_lineage(parse(text, "f.sql"), SCHEMAS, ["a", "1"])
    assert found["a"] == {("raw", "t", "a")}
    assert found["1"] == {("raw", "u", name) for name in SCHEMAS["raw", "u"]}


RUNNABLE = [name for name in CASES if not name.startswith("unknown")]


@pytest.mark.parametrize("case", RUNNABLE)
def test_the_output_columns_are_duckdbs(case: str) -> None:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA raw")
    for (schema, table), columns in SCHEMAS.items():
        types = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        con.execute(f"CREATE TABLE {schema}.{table} ({types})")
    text, expected = CASES[case]
    names = [row[0] for row in con.execute(f"DESCRIBE {text}").fetchall()]
    if case != "max of columns":
        assert [name.lower() for name in names] == list(expected)


FOLDERS = sorted(
    folder
    for root in ml_assets.pipelines.__path__
    for folder in Path(root).iterdir()
    if any(folder.glob("*/*.sql"))
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_column_of_a_pipeline_is_resolved(folder: Path) -> None:
    for path in sorted(folder.glob("*/*.sql")):
        select = parse(path.read_text(encoding="utf-8"), path.name)
        tables = dependencies(select, folder.name)
        found = column_lineage(select, {})
        assert found
        assert {origin[:-1] for origins in found.values() for origin in origins} <= tables
