"""A clinic's PhonePe account, at a sandbox that remembers nothing of the test before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.payments.gateways import GATEWAYS
from app.payments.models import Payment, Refund, WebhookEvent
from app.payments.services import approve_refund, ask_gateway, request_refund, start_checkout
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.payments import make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Received, Server
from tests.waiting import wait_until

CLIENT_ID = "CONSOLE_1"
USER, PASSWORD, HMAC_SECRET, SALT = "console_hook", "Console2026", "console-hmac-secret", "console-salt-key"
HEADER = hashlib.sha256(f"{USER}:{PASSWORD}".encode()).hexdigest()
Acting = Callable[..., Any]
# What each scheme needs on our side and at the sandbox.
SCHEMES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "sha": (
        {"webhook_username": USER, "webhook_password": PASSWORD},
        {"webhookUsername": USER, "webhookPassword": PASSWORD},
    ),
    "hmac": ({"hmac_secret": HMAC_SECRET}, {"hmacSecret": HMAC_SECRET}),
    "v1": ({"salt_key": SALT}, {"saltKey": SALT}),
}

every_scheme = pytest.mark.parametrize("phonepe", ["sha", "hmac", "v1"], indirect=True)
both_schemes = pytest.mark.parametrize("phonepe", ["sha", "hmac"], indirect=True)


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


def post(client: Any, clinic_id: str, raw: bytes, headers: dict[str, str]) -> Any:
    url = f"/api/payments/phonepe/webhook?clinicId={clinic_id}"
    return copy_context().run(client.post, url, data=raw, headers=headers)


def hand_on(client: Any, clinic_id: str, received: Received) -> None:
    assert post(client, clinic_id, received.body, dict(received.headers)).status_code == 200


def came(inbox: Server, count: int) -> list[Received]:
    wait_until(lambda: len(inbox.received) >= count)
    return list(inbox.received)


def hint(order_id: str, event: str = "checkout.order.completed", **payload: Any) -> bytes:
    paid = {"transactionId": "OM999", "state": "COMPLETED", "amount": 80_000, "timestamp": 1_767_225_600_000}
    said = {"merchantOrderId": order_id, "state": "COMPLETED", "amount": 80_000, "paymentDetails": [paid], **payload}
    return json.dumps({"event": event, "payload": said}).encode()


def captured_times() -> int:
    wanted = select(func.count()).select_from(EventRecord).where(EventRecord.type == "payment.completed")
    return int(db.session.scalar(wanted) or 0)


def paid(phonepe: PhonePeClinic, amount: str = "800") -> Payment:
    payment = make_payment(rupees(amount))
    phonepe.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    return reread(payment)


def refunded(payment: Payment, acting: Acting, amount: str | None = None) -> Refund:
    """Asked for, approved, and sent to the gateway."""
    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(payment, rupees(amount) if amount else None, "visit cancelled")
        approve_refund(refund)
    run_jobs()
    return reread(refund)
