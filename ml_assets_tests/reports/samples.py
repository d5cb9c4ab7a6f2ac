"""Evaluations and contexts of every kind the report must show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ml_assets.ml.results import (
    CalibrationBin,
    Candidate,
    Curve,
    Estimate,
    Evaluation,
    Importance,
    SliceResult,
)
from ml_assets.reports.context import (
    ModelFacts,
    Provenance,
    ReportContext,
    TableAccounting,
    TableFacts,
    TimeTravel,
    Window,
)


def around(value: float, half: float) -> Estimate:
    """An estimate with a symmetric interval."""
    return Estimate(value, value - half, value + half)


def binary_metrics(auc: float, ap: float, loss: float, brier: float) -> dict[str, Estimate]:
    """The four binary metrics."""
    return {
        "auc": around(auc, 0.012),
        "average_precision": around(ap, 0.021),
        "log_loss": around(loss, 0.014),
        "brier": around(brier, 0.006),
        "observed_expected": around(0.983, 0.042),
    }


def part(dimension: str, value: str, rows: int, auc: float | None) -> SliceResult:
    """A slice with the model's and the best baseline's metrics; without support for None."""
    if auc is None:
        return SliceResult(dimension, value, rows, rows // 5, None)
    metrics = {
        "auc": around(auc, 0.02),
        "log_loss": around(1.1 - 0.85 * auc, 0.02),
        "baseline_auc": around(auc - 0.025, 0.02),
        "baseline_log_loss": around(1.12 - 0.85 * auc, 0.02),
        "gain": around(0.02 - 0.9 * max(0.0, 0.735 - auc), 0.012),
    }
    return SliceResult(dimension, value, rows, int(rows * (1 - auc) * 0.8), metrics)


MONTHS = [("2013-09", 27574, 0.756), ("2013-10", 28889, 0.738), ("2013-11", 27268, 0.713)]
MONTHS.append(("2013-12", 28135, 0.75))
CARRIERS = {
    "UA": 0.761,
    "EV": 0.742,
    "B6": 0.748,
    "DL": 0.737,
    "AA": 0.759,
    "MQ": 0.716,
    "US": 0.731,
}


def curve(power: float) -> Curve:
    """A concave ROC-like curve of 200 points."""
    xs = [i / 199 for i in range(200)]
    return Curve(xs, [x**power for x in xs])


def falling(start: float, end: float) -> Curve:
    """A precision-recall-like curve of 200 points."""
    xs = [i / 199 for i in range(200)]
    return Curve(xs, [end + (start - end) * (1 - x) ** 1.6 for x in xs])


def binary() -> Evaluation:
    """The flights model against three baselines, all of which it beats."""
    return Evaluation(
        problem="binary",
        unit="",
        primary="log_loss",
        test_start="2013-09-01",
        test_end="2013-12-31",
        rows=111866,
        clusters=122,
        positives=24391,
        candidates=[
            Candidate(
                "lightgbm", "LightGBM, 214 trees", binary_metrics(0.755, 0.519, 0.4427, 0.1402)
            ),
            Candidate(
                "constant",
                "the base rate",
                binary_metrics(0.5, 0.218, 0.5242, 0.1705),
                around(0.0815, 0.009),
            ),
            Candidate(
                "rate",
                "mean by origin and hour",
                binary_metrics(0.664, 0.36, 0.4907, 0.159),
                around(0.048, 0.0061),
            ),
            Candidate(
                "linear",
                "logistic regression",
                binary_metrics(0.727, 0.461, 0.4612, 0.1471),
                around(0.0185, 0.0029),
            ),
        ],
        minimum_support=500,
        minimum_days=5,
        by_partition=[part("partition", *month) for month in MONTHS],
        by_slice=[
            *(
                part("origin", name, rows, auc)
                for name, rows, auc in (
                    ("EWR", 40112, 0.742),
                    ("JFK", 36590, 0.764),
                    ("LGA", 35164, 0.749),
                )
            ),
            *(
                part("carrier", name, 20000 - 2400 * i, auc)
                for i, (name, auc) in enumerate(CARRIERS.items())
            ),
            part("carrier", "OO", 29, None),
            part("carrier", "HA", 122, None),
        ],
        importance=[
            Importance(f"feature_{i:02d}", 0.5 / (i + 1), 0.24 / (i + 1)) for i in range(43)
        ],
        calibration=[
            CalibrationBin(p, around(o, 0.012 + 0.03 * p), 11186)
            for p, o in (
                (0.03, 0.035),
                (0.06, 0.06),
                (0.09, 0.094),
                (0.12, 0.115),
                (0.15, 0.16),
                (0.19, 0.188),
                (0.24, 0.25),
                (0.31, 0.3),
                (0.42, 0.41),
                (0.66, 0.63),
            )
        ],
        roc={
            "lightgbm": curve(0.32),
            "linear": curve(0.37),
            "rate": curve(0.5),
            "constant": curve(1.0),
        },
        precision_recall={
            "lightgbm": falling(0.9, 0.21),
            "linear": falling(0.8, 0.21),
            "rate": falling(0.6, 0.21),
            "constant": falling(0.218, 0.218),
        },
    )


def regression() -> Evaluation:
    """Arrival delay in minutes against one constant, with a long month and skewed bins."""
    metrics = {"mae": around(23.04, 1.1), "rmse": around(41.7, 3.2), "r2": around(0.083, 0.02)}
    constant = {"mae": around(26.02, 1.4), "rmse": around(44.1, 3.4), "r2": around(-0.021, 0.01)}
    slices = [SliceResult("origin", "EWR", 40112, None, {"mae": around(24.0, 1.2)})]
    return Evaluation(
        problem="regression",
        unit="min",
        primary="mae",
        test_start="2013-12-01",
        test_end="2013-12-31",
        rows=27110,
        clusters=31,
        positives=None,
        candidates=[
            Candidate("lightgbm", "LightGBM, absolute error", metrics),
            Candidate("constant", "the median", constant, around(2.98, 0.41)),
        ],
        minimum_support=500,
        minimum_days=5,
        by_partition=[
            SliceResult("partition", "2013-12", 27110, None, {"mae": around(23.04, 1.1)})
        ],
        by_slice=slices,
        importance=[
            Importance("origin_delay_3h", 6.2, 0.61),
            Importance("minute_of_day", 3.9, 0.39),
        ],
        calibration=[
            CalibrationBin(p, around(o, 2.5), rows)
            for p, o, rows in (
                (-18, -13, 900),
                (-9, -2, 9000),
                (0, 9, 12000),
                (20, 36, 4000),
                (55, 61, 1210),
            )
        ],
    )


def with_gain(evaluation: Evaluation, gain: Estimate | None) -> Evaluation:
    """The same evaluation with another paired gain of its best baseline."""
    changed = replace(evaluation.candidates[-1], gain=gain)
    return replace(evaluation, candidates=[*evaluation.candidates[:-1], changed])


def months(first: int, last: int) -> tuple[str, ...]:
    """Month keys of 2013."""
    return tuple(f"2013-{month:02d}" for month in range(first, last + 1))


def context() -> ReportContext:
    """Everything else about the flights model."""
    return ReportContext(
        pipeline="flights",
        description="Flights out of New York's three airports in 2013, with weather and planes.",
        question="Will a flight arrive 15 or more minutes late?",
        prediction_time="two hours before scheduled departure",
        time_zone="America/New_York",
        model=ModelFacts(
            name="flights",
            version="3",
            alias="champion",
            windows=(
                Window(role="train", partitions=months(1, 8), start="2013-01-01", end="2013-09-01"),
                Window(role="tune", partitions=months(7, 8), start="2013-07-01", end="2013-09-01"),
                Window(role="test", partitions=months(9, 12), start="2013-09-01", end="2014-01-01"),
            ),
            training_rows=215380,
            left_out={
                "no label": 7106,
                "label not mature": 112,
                "purged before the test window": 64,
            },
            parameters={"learning_rate": 0.06, "num_leaves": 127, "objective": "binary"},
            rounds=214,
            model_hash="9f2c" * 16,
        ),
        provenance=Provenance(
            snapshot_id=41,
            mlflow_run_id="0af1c2d3e4b5968778695a4b3c2d1e0f",
            dagster_run_id="5d0cc2cb-54a7-4d8b-8d5c-3a1f7e7c1d11",
            code_version="b1946ac92492",
            built_at=datetime(2026, 3, 1, 14, 5, tzinfo=UTC),
            libraries={"lightgbm": "4.7.0", "duckdb": "1.5.5"},
        ),
        accounting=(
            TableAccounting(
                table="cleaned.arrivals",
                driving="raw.flights",
                rows_in=336776,
                kept=327346,
                rejected={"arrival_delay above 1440": 0, "unknown origin": 3},
                excluded={"cancelled": 8255, "diverted, no arrival": 1172},
            ),
            TableAccounting(
                table="cleaned.weather",
                driving="raw.weather",
                rows_in=26115,
                kept=26111,
                rejected={"wind_speed is 1048.36, at most 200 allowed": 1},
                duplicates=3,
            ),
        ),
        tables=(
            TableFacts(table="cleaned.planes", rows=3322),
            TableFacts(table="cleaned.airports", rows=1462),
            TableFacts(table="cleaned.weather", rows=26111, known_at="observed_at"),
            TableFacts(table="features.history", rows=336776, known_at="prediction_time"),
        ),
        time_travel=(TimeTravel(table="features.history", passed=True, cutoffs=4, rows=612334),),
    )
