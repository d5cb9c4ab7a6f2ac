import re

import dagster as dg
import pytest

from ml_assets.automation.console import console_logger


@dg.asset(key=["shop", "raw", "orders"])
def orders(context: dg.AssetExecutionContext) -> None:
    context.log.debug("nobody asked")
    context.log.info("2024-01: 731 rows")
    context.log.warning("12 rows lie outside")


def lines(
    capsys: pytest.CaptureFixture[str], level: str, *assets: dg.AssetsDefinition
) -> list[str]:
    defs = dg.Definitions(
        assets=assets or [orders],
        loggers={"console": console_logger},
        executor=dg.in_process_executor,
        jobs=[dg.define_asset_job("all_of_it")],
    )
    config = {"loggers": {"console": {"config": {"log_level": level}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        defs.resolve_job_def("all_of_it").execute_in_process(
            instance=instance, run_config=config, raise_on_error=False
        )
    return capsys.readouterr().err.splitlines()


def test_a_person_reads_one_line_per_message(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines(capsys, "INFO")
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in told] == [
        f"{'shop/raw/orders':<32} 2024-01: 731 rows",
        f"{'shop/raw/orders':<32} WARNING: 12 rows lie outside",
    ]


def test_the_level_is_respected(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split("WARNING: ")[1] for line in lines(capsys, "WARNING")] == [
        "12 rows lie outside"
    ]


@dg.asset
def refuses() -> None:
    raise dg.Failure("flights.csv.zip is empty.", allow_retries=False)


@dg.asset
def breaks() -> None:
    raise ValueError("not seen coming")


@pytest.mark.parametrize(
    ("asset", "text"),
    [
        (refuses, "ERROR: flights.csv.zip is empty."),
        (breaks, "ERROR: ValueError: not seen coming"),
    ],
)
def test_a_failure_is_told_with_its_reason(
    capsys: pytest.CaptureFixture[str], asset: dg.AssetsDefinition, text: str
) -> None:
    told = lines(capsys, "INFO", asset)
    assert [line for line in told if line.endswith(text)], told
    assert not any("Traceback" in line for line in told)


@dg.asset(deps=[refuses])
def behind() -> None:
    """Not run when `refuses` refuses."""


def test_the_reason_is_not_buried_under_what_was_not_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = lines(capsys, "INFO", refuses, behind)
    assert any(line.endswith("ERROR: flights.csv.zip is empty.") for line in told)
    assert not any("Not executing" in line for line in told), told
