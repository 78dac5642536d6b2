"""A clinic's PhonePe account, at a sandbox that remembers nothing of the test before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS
from app.payments.models import WebhookEvent
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.sandbox_server import Json, RunningSandbox

CLIENT_ID = "CONSOLE_1"
USER, PASSWORD, HMAC_SECRET, SALT = "console_hook", "Console2026", "console-hmac-secret", "console-salt-key"
HEADER = hashlib.sha256(f"{USER}:{PASSWORD}".encode()).hexdigest()
# What each scheme needs on our side and at the sandbox.
SCHEMES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "sha": (
        {"webhook_username": USER, "webhook_password": PASSWORD},
        {"webhookUsername": USER, "webhookPassword": PASSWORD},
    ),
    "hmac": ({"hmac_secret": HMAC_SECRET}, {"hmacSecret": HMAC_SECRET}),
    "v1": ({"salt_key": SALT}, {"saltKey": SALT}),
}


@dataclass(frozen=True)
class PhonePeClinic:
    """The sandbox, as this clinic's PhonePe."""

    sandbox: RunningSandbox
    scheme: str

    def register(self, webhook_url: str | None = None, **fields: Any) -> None:
        """The account at the sandbox. Refunds stay pending until a test ends them."""
        account = {"clientId": CLIENT_ID, "clientSecret": "console-client-secret", "refundSeconds": 3600, **fields}
        self.sandbox.account("phonepe", **account, **SCHEMES[self.scheme][1], webhookUrl=webhook_url)

    def pay(self, order_id: str, result: str = "success", **options: Any) -> Json:
        return self.sandbox.pay(order_id, result, gateway="phonepe", **options)

    def end_refund(self, refund_id: str, status: str = "processed") -> Json:
        return self.sandbox.post(f"/_control/refunds/phonepe/{refund_id}", {"status": status})

    def asked(self, operation: str) -> int:
        return self.sandbox.call_counts("phonepe").get(operation, 0)


def connect(sandbox: RunningSandbox, scheme: str) -> PhonePeClinic:
    sandbox.reset()
    clinic = PhonePeClinic(sandbox, scheme)
    clinic.register()
    secrets = {"client_id": CLIENT_ID, "client_secret": "console-client-secret", **SCHEMES[scheme][0]}
    with unit_of_work():
        row = ProviderAccount(channel="payment", provider="phonepe")
        columns = {"label": "Main", "priority": 0, "enabled": True}
        save_account(row, GATEWAYS, credentials=secrets, base_url=f"{sandbox.base_url}/phonepe", **columns)
    return clinic


def stored_webhooks() -> list[WebhookEvent]:
    db.session.rollback()
    return list(db.session.query(WebhookEvent).order_by(WebhookEvent.id))
