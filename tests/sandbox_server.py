"""A provider sandbox for tests: real HTTP and SMTP on free ports of this process.

What is told to it beside the wire, as the accounts it knows, is told without the wire: every test does so, and the
wire costs more than all that is said.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from werkzeug.test import Client

from app.sandbox import clock, interception
from app.sandbox.server import SandboxServer
from app.sandbox.settings import HOST, SandboxSettings

QUICK_RETRIES = (0.05, 0.1, 0.2, 0.4)
ANSWER_SECONDS = 40
Json = dict[str, Any]


class RunningSandbox:
    """The addresses of a sandbox, and its control routes as methods."""

    def __init__(self, server: SandboxServer) -> None:
        self.port = server.port
        self.base_url = f"http://{HOST}:{server.port}"
        self.razorpay_url = f"{self.base_url}/razorpay"
        self.paypal_url = f"{self.base_url}/paypal"
        self.whatsapp_url = f"{self.base_url}/whatsapp"
        self.smtp_host = HOST
        self.smtp_port = server.smtp_port
        self._sandbox = server.sandbox
        self._beside_the_wire = Client(server.application, use_cookies=False)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.base_url + path, timeout=ANSWER_SECONDS, **options)

    def post(self, path: str, body: Json | None = None) -> Json:
        """A control call that must work: fails the test on any error answer."""
        return self._told("POST", path, json=body or {})

    def get(self, path: str, **query: Any) -> Json:
        return self._told("GET", path, query_string={name: value for name, value in query.items() if value is not None})

    def _told(self, method: str, path: str, **options: Any) -> Json:
        answer = self._beside_the_wire.open(path, base_url=self.base_url, method=method, **options)
        assert answer.status_code < 400, f"{answer.status} {answer.text}"
        body: Json = answer.get_json() if answer.data else {}
        return body

    def account(self, provider: str, **fields: Any) -> Json:
        """Registers a vendor account, e.g. account("razorpay", keyId=..., keySecret=..., webhookUrl=...)."""
        return self.post("/_control/accounts", {"provider": provider, **fields})

    def pay(self, order_id: str, result: str = "success", gateway: str = "razorpay", **options: Any) -> Json:
        """Presses a button of the hosted page; webhook=False keeps the gateway silent."""
        return self.post(f"/_control/checkout/{gateway}/{order_id}", {"result": result, **options})

    def paypal_root(self) -> str:
        """The root (PEM) that the certificate of PayPal's webhooks hangs on."""
        return self.request("GET", "/paypal/v1/notifications/certs/ROOT").text

    def sns_root(self) -> str:
        """The root (PEM) that the certificate of SES's receipts hangs on."""
        return self.request("GET", "/ses/sns/root.pem").text

    def service_account(self, project: str) -> str:
        """The key file of a Firebase project."""
        return self.request("GET", f"/fcm/service-account/{project}.json").text

    def messages(self, **query: Any) -> list[Json]:
        items: list[Json] = self.get("/_control/messages", **query)["items"]
        return items

    def fault(self, provider: str, fault: str, count: int = 1, **options: Any) -> Json:
        return self.post("/_control/faults", {"provider": provider, "fault": fault, "count": count, **options})

    def calls(self, provider: str, operation: str | None = None) -> list[Json]:
        """The calls received, newest first."""
        items: list[Json] = self.get("/_control/requests", provider=provider, operation=operation)["items"]
        return items

    def call_counts(self, provider: str) -> dict[str, int]:
        counts: dict[str, int] = self.get("/_control/requests", provider=provider)["counts"].get(provider, {})
        return counts

    def webhooks(self, **query: Any) -> list[Json]:
        items: list[Json] = self.get("/_control/webhooks", **query)["items"]
        return items

    def settle(self, **options: Any) -> list[Json]:
        items: list[Json] = self.post("/_control/settlements", options)["items"]
        return items

    def reset(self) -> None:
        """Forgets everything but the accounts."""
        self.post("/_control/reset")

    def look_at_the_clock(self) -> None:
        """Sends what has fallen due, as it would by itself if its time had come while it waited."""
        self._sandbox.webhooks.wake()


class SandboxTime:
    """Seconds that pass at once: what a sandbox does later is done when a test says so, however busy the machine is."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._passed = 0.0

    def __call__(self) -> float:
        return time.time() + self._passed

    def passes(self, seconds: float) -> None:
        self._passed += seconds
        self._sandbox.look_at_the_clock()


@contextmanager
def time_of(sandbox: RunningSandbox) -> Iterator[SandboxTime]:
    told = SandboxTime(sandbox)
    with mock.patch.object(clock, "seconds", told):
        yield told


class Lag:
    """Where a `slow` fault hits a call: `hit` when it does, and the call goes on when `over` is set."""

    def __init__(self) -> None:
        self.hit, self.over = threading.Event(), threading.Event()

    def sleep(self, _seconds: float) -> None:
        self.hit.set()
        self.over.wait(ANSWER_SECONDS)


@contextmanager
def held_where_slow() -> Iterator[Lag]:
    """A slow call is as slow as the test needs it, and not so many seconds."""
    lag = Lag()
    with mock.patch.object(interception, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lag.sleep)):
        try:
            yield lag
        finally:
            lag.over.set()


@contextmanager
def running_sandbox(data_dir: Path | None = None, **settings: Any) -> Iterator[RunningSandbox]:
    """Keeps its state in memory unless it is given a directory. Webhooks are tried again within a second where they are
    refused; a busy machine's slow answer is waited for, or what a test counts would come twice.
    """
    kept = {"data_dir": data_dir, "retry_seconds": QUICK_RETRIES, "webhook_timeout": ANSWER_SECONDS}
    chosen = {"port": 0, "smtp_port": 0, **kept, **settings}
    server = SandboxServer(SandboxSettings(**chosen))
    server.start()
    try:
        yield RunningSandbox(server)
    finally:
        server.stop()
