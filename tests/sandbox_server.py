"""A provider sandbox for tests: real HTTP and SMTP on free ports of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

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

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, self.base_url + path, timeout=ANSWER_SECONDS, **options)

    def post(self, path: str, body: Json | None = None) -> Json:
        """A control call that must work: fails the test on any error answer."""
        return _json(self.request("POST", path, json=body or {}))

    def get(self, path: str, **query: Any) -> Json:
        return _json(self.request("GET", path, params=query))

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


def _json(response: requests.Response) -> Json:
    assert response.ok, f"{response.status_code} {response.text}"
    body: Json = response.json() if response.content else {}
    return body


@contextmanager
def running_sandbox(data_dir: Path | None = None, **settings: Any) -> Iterator[RunningSandbox]:
    """Keeps its state in memory unless it is given a directory; webhooks are tried again within a second."""
    chosen = {"port": 0, "smtp_port": 0, "retry_seconds": QUICK_RETRIES, "data_dir": data_dir, **settings}
    server = SandboxServer(SandboxSettings(**chosen))
    server.start()
    try:
        yield RunningSandbox(server)
    finally:
        server.stop()
