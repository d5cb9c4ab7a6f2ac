from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ml_assets.monitors.binning import Bins
from ml_assets.monitors.days import SCORE
from ml_assets.monitors.quality import missing
from ml_assets.monitors.reference import Reference
from ml_assets.tables.entities import entities_sql
from ml_assets.tables.quality import absences, null_shares, quality_found
from ml_assets.tables.spine import feature_names
from ml_assets_tests.monitors.world import world
from ml_assets_tests.sample import MONTHS
from ml_assets_tests.sandbox import build
from ml_assets_tests.shop import DAYS

if TYPE_CHECKING:
    from typing import Any

    from ml_assets_tests.sandbox import Sandbox

WEATHER = "flights.features.weather"


def reference(*features: str) -> Reference:
    """A reference in which at most a few of a hundred rows of a day lack each feature."""
    found = world(60, rows=400, features=max(len(features), 2))
    counts = {name: found.histograms[f"x{number}"] for number, name in enumerate(features)}
    histograms = {**counts, SCORE: found.histograms[SCORE]}
    days = replace(found, histograms=histograms)
    return Reference(days, dict.fromkeys(histograms, Bins()), dict.fromkeys(features, 0.5))


def test_shares_are_those_of_the_rows_that_are_scored(sample_as_built: Sandbox) -> None:
    pipeline = sample_as_built.pipeline
    names = feature_names(pipeline)
    with sample_as_built.lake() as con:
        found = null_shares(con, pipeline, names, MONTHS)
        for key, (rows, shares) in found.items():
            entities = con.execute(entities_sql(pipeline, names, [key])).to_arrow_table()
            assert rows == entities.num_rows > 0
            assert shares == {name: entities[name].null_count / rows for name in names}
            assert 0 < shares["pressure"] < 1
            assert shares["origin"] == 0
    assert [*found] == [*MONTHS]


def test_a_feature_may_be_called_day(shop: Sandbox) -> None:
    def rename(declared: dict[str, Any]) -> None:
        columns = declared["features"]["orders"]["columns"]
        columns["day"] = columns.pop("amount")

    shop.declare(rename)
    shop.replace("features.orders", "o.amount,", "o.amount AS day,")
    pipeline = shop.pipeline
    with shop.lake() as con:
        build(con, pipeline, pipeline.node("features.orders"))
        found = absences(con, pipeline, ["day"], pipeline.partitions.keys())
    assert len(found.dates) == len(set(found.dates.tolist())) == 3 * DAYS
    assert found.absent["day"].tolist() == [0.0] * (3 * DAYS)


def test_nan_is_no_value_and_a_feature_that_is_gone_is_missing_in_all(sample: Sandbox) -> None:
    pipeline = sample.pipeline
    with sample.lake() as con:
        con.execute(f"UPDATE {WEATHER} SET temperature = 'nan' WHERE origin = 'EWR'")
        con.execute(f"UPDATE {WEATHER} SET dew_point = 'inf' WHERE origin = 'EWR'")
        asked = ["temperature", "dew_point", "gone"]
        rows, shares = null_shares(con, pipeline, asked, ["2013-02"])["2013-02"]
        names = ["origin", "temperature"]
        table = con.execute(entities_sql(pipeline, names, ["2013-02"])).to_arrow_table()
    newark = sum(origin == "EWR" for origin in table["origin"].to_pylist()) / rows
    assert 0 < newark == pytest.approx(shares["temperature"])
    assert shares["dew_point"] == 0
    assert shares["gone"] == 1
    # As the reference counts it: in the last bin.
    codes = Bins(edges=(30.0,)).codes(pa.chunked_array(table["temperature"].chunks))
    assert (codes == 2).mean() == pytest.approx(newark)


def test_a_slice_without_rows_is_not_judged(sample: Sandbox) -> None:
    with sample.lake() as con:
        con.execute("DELETE FROM flights.features.schedule WHERE _partition = '2013-02'")
        found = quality_found(con, sample.pipeline, 1, reference("temperature"), MONTHS)["2013-02"]
    assert (found.verdict, found.reason) == ("not enough data", "no rows to judge")
    assert (found.statistic, found.threshold) == (None, None)


def test_the_worst_features_are_named_and_the_others_counted(sample: Sandbox) -> None:
    names = ("temperature", "dew_point", "humidity", "wind_speed", "visibility")
    with sample.lake() as con:
        for hours, name in enumerate(names):
            con.execute(
                f"UPDATE {WEATHER} SET {name} = NULL"
                f" WHERE extract(hour FROM prediction_time) >= {10 + hours}"
            )
        found = quality_found(con, sample.pipeline, 4, reference(*names), MONTHS)["2013-03"]
    assert found.verdict == "broken"
    assert found.model_version == 4
    assert found.reason.startswith("temperature is NULL in ")
    assert found.reason.count(" is NULL in ") == 3
    assert found.reason.endswith("; and 2 more")
    shares = [item["share"] for item in found.details["features"]]
    assert found.statistic == shares[0] > (found.threshold or 1)
    assert shares[0] > shares[1] > shares[2]


def test_absences_count_every_entity_of_each_local_day(sample_as_built: Sandbox) -> None:
    pipeline, names = sample_as_built.pipeline, ["origin", "pressure", "plane_seats"]
    with sample_as_built.lake() as con:
        found = absences(con, pipeline, names, ["2013-01", "2013-02"])
        shares = null_shares(con, pipeline, names, ["2013-01", "2013-02"]).values()
        ((lacking, cancelled),) = con.execute(
            "SELECT count(*), count(*) FILTER (tail_number IS NULL)"
            " FROM flights.features.aircraft JOIN flights.cleaned.schedule"
            " USING (flight_date, carrier, flight_number, origin)"
            " WHERE plane_seats IS NULL AND flight_date < '2013-03-01'"
        ).fetchall()
    assert (str(found.dates[0]), str(found.dates[-1])) == ("2013-01-01", "2013-02-28")
    assert len(found.dates) == 59
    assert found.rows.sum() == sum(rows for rows, _ in shares)
    for name in names:
        by_month = sum(rows * share[name] for rows, share in shares)
        assert found.absent[name].sum() == pytest.approx(by_month)
    # Some cancelled flights have no plane, and no label.
    assert found.absent["plane_seats"].sum() == lacking > cancelled > 0
    assert found.absent["origin"].sum() == 0


def test_thirty_percent_of_any_feature_that_was_never_missing_is_broken(sample: Sandbox) -> None:
    pipeline = sample.pipeline
    names = feature_names(pipeline)
    with sample.lake() as con:
        usual = absences(con, pipeline, names, ["2013-01", "2013-02"])
        never = [name for name in names if usual.absent[name].sum() == 0]
        planted = []
        for node in pipeline.features:
            for name in set(never) & set(node.types) - {"origin", "carrier"}:
                con.execute(
                    f"UPDATE flights.{node.dotted} SET {name} = NULL"
                    f" WHERE hash(flight_date, flight_number, carrier, origin) % 10 < 4"
                )
                planted.append(name)
        base = reference(*names)
        told = replace(base, absences=usual)
        found = quality_found(con, pipeline, 1, told, ["2013-03"])["2013-03"]
        shares = null_shares(con, pipeline, planted, ["2013-03"])["2013-03"][1]
    assert len(planted) > 10
    assert min(shares.values()) > 0.3
    assert found.verdict == "broken"
    ranked = missing(usual, shares, 31, pipeline.declaration.monitoring.missing)
    assert {item.feature for item in ranked if item.broken} == set(planted)


def test_cancelled_flights_are_held_against_cancelled_flights(sample_as_built: Sandbox) -> None:
    pipeline, names = sample_as_built.pipeline, ["plane_seats"]
    with sample_as_built.lake() as con:
        usual = absences(con, pipeline, names, [*MONTHS])
        told = replace(reference(*names), absences=usual)
        for key, days in zip(MONTHS, (31, 28, 31), strict=True):
            found = quality_found(con, pipeline, 1, told, [key])[key]
            worst = found.details["features"][0]["worst"]
            assert found.verdict == "ok"
            # Of as many days, not the worst day.
            assert worst == usual.worst("plane_seats", days) >= (found.statistic or 0)
            assert worst < usual.worst("plane_seats", 1)
