"""Alerts: what failed in a run reaches the webhook, and nothing is posted without one."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ml_assets.assets.monitors import check_result
from ml_assets.automation import alerts
from ml_assets.automation.alerts import WEBHOOK, alert_sensors
from ml_assets_tests.assets.running import run
from ml_assets_tests.assets.test_monitors import found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_assets_tests.sandbox import Sandbox

OVER = {dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS}


@contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """Serve a webhook on localhost; yield its address and the texts it was sent.

    It answers with `statuses` one by one, the last of them, 200 without any, from then on.
    """
    texts: list[str] = []
    left = list(statuses or (200,))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            texts.append(json.loads(body)["text"])
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the console quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", texts
    finally:
        server.shutdown()
        server.server_close()


def alert(box: Sandbox, *assets: str) -> object:
    """Run assets and let the sensor that fits look at the run; return what it answers."""
    with dg.DagsterInstance.ephemeral() as instance:
        return told_of(run(box, *assets, instance=instance), instance)


def told_of(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> object:
    """Let the sensor that fits look at a run; return what it answers."""
    failed, checks = alert_sensors()
    sensor = checks if result.success else failed
    event = next(event for event in result.all_events if event.event_type in OVER)
    with dg.build_run_status_sensor_context(
        sensor.name, event, instance, result.dagster_run
    ) as context:
        return sensor(context)


def test_a_failed_run_is_posted_with_the_fact_and_the_check(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.declare(lambda declared: declared["cleaned"]["orders"]["columns"]["amount"].update(max=50))
    with webhook() as (address, texts):
        monkeypatch.setenv(WEBHOOK, address)
        alert(shop, "cleaned/orders")
    (text,) = texts
    assert "of shop_pipeline failed." in text
    assert "cleaned.orders 2024-01 breaks its contract" in text
    assert "ERROR shop/cleaned/orders rejected_rows:" in text


def test_a_warning_of_a_run_that_succeeded_is_posted(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.edit("shops", lambda lines: [f"{line},x" for line in lines])
    with webhook() as (address, texts):
        monkeypatch.setenv(WEBHOOK, address)
        alert(shop, "raw/shops")
    (text,) = texts
    assert text.startswith("WARN shop/raw/shops undeclared_columns:")


def test_nothing_is_posted_where_nothing_failed(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as (address, texts):
        monkeypatch.setenv(WEBHOOK, address)
        found = alert(shop, "raw/shops")
    assert isinstance(found, dg.SkipReason)
    assert texts == []


def test_without_a_webhook_the_tick_says_so(shop: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEBHOOK, raising=False)
    shop.source("shops").unlink()
    found = alert(shop, "raw/shops")
    assert isinstance(found, dg.SkipReason)
    assert WEBHOOK in str(found.skip_message)


def test_a_webhook_that_hiccups_is_asked_again(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.source("shops").unlink()
    with webhook(500, 500, 200) as (address, texts):
        monkeypatch.setenv(WEBHOOK, address)
        alert(shop, "raw/shops")
    assert len(texts) == 3
    assert len(set(texts)) == 1


def test_a_webhook_that_refuses_fails_the_tick_which_tells_the_alert(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.source("shops").unlink()
    with webhook(500) as (address, texts), pytest.raises(Exception, match="500") as told:
        monkeypatch.setenv(WEBHOOK, address)
        alert(shop, "raw/shops")
    assert len(texts) == 3
    assert texts[0] in str(told.value)
    # The address's path is a secret.
    assert address.split("/")[2] in str(told.value)
    assert "/hook" not in str(told.value)


def test_a_webhook_that_does_not_answer_is_waited_for_less_than_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (1 + len(alerts.WAITS)) * alerts.SECONDS + sum(alerts.WAITS) < 10
    monkeypatch.setattr(alerts, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OSError, match=f"{address} refused 3 times .* timed out"):
            alerts.post(f"http://{address}/hook", "an alert")


@pytest.mark.parametrize(
    ("name", "posted"), [("drift", ["ab", "ab c", "ab"]), ("unblocked", ["ab", "ab", "ab c", "ab"])]
)
def test_what_the_run_before_said_is_not_posted_again(
    name: str, posted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = says(name, "ab", "ab", "ab c", None, "ab")
    with webhook() as (address, texts), dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        for _ in range(5):
            told_of(job.execute_in_process(instance=instance), instance)
    assert texts == [f"ERROR asked {name}: {text}" for text in posted]


def test_runs_that_never_came_to_a_check_hide_nothing_of_what_it_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts, "LOOK_BACK", 2)
    job = says("drift", "ab", "ab")
    with webhook() as (address, texts), dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        told_of(job.execute_in_process(instance=instance), instance)
        for _ in range(alerts.LOOK_BACK):
            instance.create_run_for_job(job)
        told_of(job.execute_in_process(instance=instance), instance)
    assert texts == ["ERROR asked drift: ab"]


def says(name: str, *texts: str | None) -> dg.JobDefinition:
    """Return a job whose only check says one text after the other; it passes with None."""
    said = iter(texts)

    @dg.asset_check(asset=dg.AssetKey("asked"), name=name)
    def judged() -> dg.AssetCheckResult:
        text = next(said)
        return dg.AssetCheckResult(passed=text is None, description=text)

    return dg.Definitions(asset_checks=[judged]).resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize(
    ("verdict", "posted"), [("alarm", True), ("not enough data", False), (None, False)]
)
def test_what_could_not_be_judged_is_not_posted(
    verdict: str | None, posted: bool, shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, item = shop.pipeline, None if verdict is None else found(1, verdict)
    key = dg.AssetKey(["shop", "monitoring", "drift"])

    @dg.asset_check(asset=key, name="drift")
    def judged() -> dg.AssetCheckResult:
        return check_result(pipeline, "drift", "drift", item, dg.AssetCheckSeverity.WARN)

    job = dg.Definitions(asset_checks=[judged]).resolve_implicit_global_asset_job_def()
    with webhook() as (address, texts), dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv(WEBHOOK, address)
        told_of(job.execute_in_process(instance=instance), instance)
    assert texts == (["WARN shop/monitoring/drift drift: 1: so it is"] if posted else [])
