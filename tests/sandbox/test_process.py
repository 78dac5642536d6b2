from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from app.sandbox.errors import CannotStart
from app.sandbox.settings import RETRY_SECONDS, read_settings
from tests.sandbox.merchants import TestMerchant, events, received, wait_until
from tests.sandbox_server import running_sandbox
from tests.scripted_server import RefusingPort, Server

ROOT = Path(__file__).resolve().parents[2]


def _environment(**changed: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "SANDBOX_PORT": "0", "SANDBOX_SMTP_PORT": "0", **changed}


def _run(**changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.sandbox"]
    return subprocess.run(
        command, cwd=ROOT, env=_environment(**changed), capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def _started(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.sandbox"], cwd=ROOT, env=_environment(DATA_DIR=str(data_dir)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split(" ")[3].rstrip("/")
    finally:
        process.kill()
        process.communicate()


def test_production_refuses_the_sandbox() -> None:
    ended = _run(APP_ENV="production")
    assert (ended.returncode, "APP_ENV=production" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        ended = _run(SANDBOX_PORT=port, DATA_DIR=str(tmp_path))
        mail = _run(SANDBOX_SMTP_PORT=port, DATA_DIR=str(tmp_path))
    assert (ended.returncode, f"Port {port}" in ended.stderr, "SANDBOX_PORT" in ended.stderr) == (2, True, True)
    assert (mail.returncode, "SANDBOX_SMTP_PORT" in mail.stderr, "Traceback" in mail.stderr) == (2, True, False)


def test_an_unwritable_directory_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = _run(DATA_DIR=str(tmp_path / "file"))
    assert (ended.returncode, "DATA_DIR" in ended.stderr, "Traceback" in ended.stderr) == (2, True, False)


def test_a_stopped_process_keeps_its_orders_and_ends_cleanly(tmp_path: Path) -> None:
    account = {"provider": "razorpay", "keyId": "rzp_test_Sunrise1", "keySecret": "s"}
    auth = ("rzp_test_Sunrise1", "s")
    with _started(tmp_path) as (process, url):
        assert requests.post(f"{url}/_control/accounts", json=account, timeout=60).status_code == 201
        order = requests.post(
            f"{url}/razorpay/v1/orders", json={"amount": 1000, "currency": "INR"}, auth=auth, timeout=60
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with _started(tmp_path) as (process, url):
        kept = requests.get(f"{url}/razorpay/v1/orders/{order.json()['id']}", auth=auth, timeout=60)
        assert kept.json() == order.json()
        process.kill()
    with _started(tmp_path) as (_, url):
        assert requests.get(f"{url}/razorpay/v1/orders", auth=auth, timeout=60).json()["count"] == 1


def test_unsent_webhooks_and_pending_refunds_survive_a_restart(tmp_path: Path, clinic: Server) -> None:
    with running_sandbox(tmp_path, retry_seconds=(3600.0,)) as sandbox:
        merchant = TestMerchant(sandbox, webhook_url=RefusingPort().url)
        payment_id = merchant.paid()
        wait_until(lambda: all(item["attempts"] == 1 for item in sandbox.webhooks()))
        sandbox.fault("razorpay", "refund_pending", seconds=0.3)
        TestMerchant(sandbox, webhook_url=clinic.url)
        refund_id = merchant.refund(payment_id).json()["id"]
    with running_sandbox(tmp_path) as sandbox:
        known = TestMerchant(sandbox, register=False)
        wait_until(lambda: known.call("GET", f"/refunds/{refund_id}").json()["status"] == "processed")
        assert [item["status"] for item in sandbox.webhooks()][-3:] == ["pending"] * 3
    assert set(events(received(clinic, 2))) == {"refund.created", "refund.processed"}


def test_only_loopback_can_reach_it() -> None:
    with running_sandbox() as sandbox, socket.socket() as probe:
        # The whole port is free on the other addresses: nothing listens there.
        probe.bind(("127.0.0.2", sandbox.port))
        assert probe.getsockname()[1] == sandbox.port


def test_settings_come_from_the_environment() -> None:
    settings = read_settings({"SANDBOX_PORT": "8101", "SANDBOX_WEBHOOK_RETRY_SECONDS": "1, 2.5"})
    assert (settings.port, settings.smtp_port, settings.retry_seconds) == (8101, 9101, (1.0, 2.5))
    assert read_settings({}).retry_seconds == RETRY_SECONDS
    assert read_settings({"SANDBOX_PORT": "65000"}).smtp_port == 64000
    assert read_settings({"SANDBOX_SMTP_AUTH": "required"}).smtp_auth_required


@pytest.mark.parametrize(
    "environment",
    [
        {"SANDBOX_PORT": "http"},
        {"SANDBOX_PORT": "70000"},
        {"SANDBOX_WEBHOOK_RETRY_SECONDS": "soon"},
        {"APP_ENV": "production"},
    ],
)
def test_wrong_settings_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(CannotStart):
        read_settings(environment)
