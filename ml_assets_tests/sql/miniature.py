"""A pipeline of two raw, three cleaned and two feature tables, small enough to rebuild at will."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ml_assets.sql import mask, rules, windows
from ml_assets.sql.difference import Difference, difference
from ml_assets.sql.tables import CleanedTable, Column, FeatureTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOMENT = Column(type="TIMESTAMPTZ")
RAW = {
    "flights": {
        "id": "INTEGER",
        "origin": "VARCHAR",
        "sched": "TIMESTAMPTZ",
        "dep_delay": "DOUBLE",
    },
    "weather": {"origin": "VARCHAR", "hour": "TIMESTAMPTZ", "temp": "DOUBLE"},
}
FLIGHT = {"id": Column(type="INTEGER"), "origin": Column(type="VARCHAR"), "sched": MOMENT}
CLEANED = {
    "schedule": CleanedTable(
        description="",
        rows="raw.flights",
        rows_key=("id",),
        key=("id",),
        known_at="known_at",
        columns={**FLIGHT, "known_at": MOMENT},
    ),
    "departures": CleanedTable(
        description="",
        rows="raw.flights",
        rows_key=("flights.id",),
        key=("id",),
        known_at="known_at",
        facts=("dep_delay",),
        exclude={"cancelled": "dep_delay IS NULL"},
        columns={**FLIGHT, "delay": Column(type="DOUBLE", max=500), "known_at": MOMENT},
    ),
    "weather": CleanedTable(
        description="",
        rows="raw.weather",
        rows_key=("origin", "hour"),
        key=("origin", "hour"),
        known_at="known_at",
        columns={
            "origin": Column(type="VARCHAR"),
            "hour": MOMENT,
            "temp": Column(type="DOUBLE"),
            "known_at": MOMENT,
        },
    ),
}
FEATURE = FeatureTable(
    description="",
    rows="cleaned.schedule",
    key=("id",),
    prediction_time="prediction_time",
    columns={
        "id": Column(type="INTEGER"),
        "prediction_time": MOMENT,
        "value": Column(type="DOUBLE", nullable=True),
    },
)
SPINE = "SELECT *, sched - INTERVAL 2 HOUR AS prediction_time FROM cleaned.schedule"
HONEST = {
    "cleaned.schedule": "SELECT id, origin, sched, sched - INTERVAL 14 DAY AS known_at"
    " FROM raw.flights",
    "cleaned.departures": "SELECT id, origin, sched, dep_delay AS delay,"
    " sched + to_minutes(dep_delay::INT) AS known_at FROM raw.flights",
    "cleaned.weather": "SELECT *, hour AS known_at FROM raw.weather",
    "features.base": f"""
        WITH flights AS ({SPINE})
        SELECT f.id, f.prediction_time, avg(d.delay)::DOUBLE AS value
        FROM flights f LEFT JOIN cleaned.departures d
            ON d.origin = f.origin AND d.known_at <= f.prediction_time
        GROUP BY ALL""",
    "features.last": f"""
        SELECT f.id, f.prediction_time, b.value + coalesce(w.temp, 0) AS value
        FROM ({SPINE}) f
        ASOF LEFT JOIN cleaned.weather w
            ON f.origin = w.origin AND f.prediction_time >= w.known_at
        JOIN features.base b ON b.id = f.id""",
}


class Miniature:
    """The pipeline built from `flights` (id, origin, sched, dep_delay) and `weather` rows."""

    def __init__(self, flights: str, weather: str, selects: Mapping[str, str]) -> None:
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS lake")
        self.selects = {**HONEST, **selects}
        for name, values in (("flights", flights), ("weather", weather)):
            types = RAW[name]
            casts = ", ".join(f'CAST("{c}" AS {t}) AS "{c}"' for c, t in types.items())
            names = ", ".join(f'"{c}"' for c in types)
            self._store("lake", "raw", name, f"SELECT {casts} FROM (VALUES {values}) t({names})")
        self._build("lake")

    def travel(self, cutoff: datetime) -> list[Difference]:
        """Rebuild all as known at `cutoff` and return how `features.last` differs."""
        self.con.execute("ATTACH ':memory:' AS past")
        for name, types in RAW.items():
            witnesses = [
                mask.Witness(table, declared, f"({self._knowledge(table)})")
                for table, declared in CLEANED.items()
                if declared.rows == f"raw.{name}"
            ]
            stamped = mask.stamped(name, f"lake.raw.{name}", list(types), witnesses)
            shown = mask.masked(f"({stamped})", list(types), witnesses, cutoff)
            self._store("past", "raw", name, shown)
        self._build("past")
        types = {name: column.type for name, column in FEATURE.columns.items()}
        sql = difference(
            "lake.features.last", "past.features.last", ["id"], types, "prediction_time", cutoff
        )
        found = self.con.sql(sql).fetchall()
        self.con.execute("DETACH past")
        return [Difference(*row) for row in found]

    def _knowledge(self, table: str) -> str:
        stored = f"lake.cleaned.{table}"
        return mask.knowledge(CLEANED[table], stored, f"{stored}_rejected")

    def _store(self, catalog: str, schema: str, table: str, select: str) -> None:
        self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}")
        self.con.execute(f"CREATE TABLE {catalog}.{schema}.{table} AS {select}")

    def _build(self, catalog: str) -> None:
        for name, text in self.selects.items():
            schema, table = name.split(".")
            declared = CLEANED[table] if schema == "cleaned" else FEATURE
            self._show(
                catalog, declared.rows if isinstance(declared, CleanedTable) else "", declared
            )
            judged = rules.judged(f"({text})", rules.row_rules(declared))
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {judged}")
            self._store(catalog, schema, table, rules.kept("judged", declared.columns))
            rejected = rules.rejected("judged", declared.columns)
            self._store(catalog, schema, f"{table}_rejected", rejected)

    def _show(self, catalog: str, driving: str, declared: CleanedTable | FeatureTable) -> None:
        stored = self.con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [catalog]
        ).fetchall()
        for schema, table in stored:
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            rows = self.con.sql(f"SELECT * FROM {catalog}.{schema}.{table} LIMIT 0")
            exclude = declared.exclude.values() if driving == f"{schema}.{table}" else ()
            shown = windows.seen(
                f"{catalog}.{schema}.{table}", rows.columns, time=None, exclude=exclude
            )
            self.con.execute(windows.view(schema, table, shown))
