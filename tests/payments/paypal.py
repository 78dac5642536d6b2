"""A clinic's PayPal account at the sandbox, what happens there, and what it brings about here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.payments.gateways import GATEWAYS
from app.payments.models import OperationKind, Payment, PaymentOperation
from app.payments.services import receive_webhook, start_checkout
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.payments import make_payment
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server
from tests.waiting import wait_until

KEYS = {"client_id": "console-client", "client_secret": "console-client-secret", "webhook_id": "1JE4291016473214C"}


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


def connect(sandbox: RunningSandbox, inbox: Server) -> str:
    """The clinic's account at both sides; its id. `inbox` is where the sandbox posts webhooks."""
    names = {"clientId": KEYS["client_id"], "clientSecret": KEYS["client_secret"], "webhookId": KEYS["webhook_id"]}
    sandbox.account("paypal", **names, webhookUrl=inbox.url)
    return save_keys(sandbox, KEYS["webhook_id"])


def save_keys(sandbox: RunningSandbox, webhook_id: str) -> str:
    """Our side of an account only; its id."""
    credentials = {**KEYS, "webhook_id": webhook_id, "webhook_root": sandbox.paypal_root()}
    with unit_of_work():
        row = ProviderAccount(channel="payment", provider="paypal")
        columns: dict[str, Any] = {"label": "Abroad", "priority": 5, "enabled": True}
        return save_account(row, GATEWAYS, credentials=credentials, base_url=sandbox.paypal_url, **columns).id


def make_paypal_payment(amount: str = "80", **overrides: Any) -> Payment:
    return make_payment(dollars(amount), provider="paypal", **overrides)


def captures(sandbox: RunningSandbox) -> int:
    return sandbox.call_counts("paypal").get("capture_order", 0)


def operations(payment: Payment, kind: OperationKind = OperationKind.CAPTURE) -> list[PaymentOperation]:
    db.session.rollback()
    wanted = select(PaymentOperation).where(PaymentOperation.payment_id == payment.id, PaymentOperation.kind == kind)
    return list(db.session.scalars(wanted.order_by(PaymentOperation.created_at)))


def approve(payment: Payment, sandbox: RunningSandbox, result: str = "success") -> str:
    order_id = start_checkout(payment.id).order_id
    sandbox.pay(order_id, result, gateway="paypal")
    return order_id


def told(inbox: Server, *events: str) -> list[Received]:
    """The webhooks of these events, once each has come."""

    def found() -> list[Received]:
        return [call for event in events for call in list(inbox.received) if event.encode() in call.body]

    wait_until(lambda: len(found()) >= len(events))
    return found()


def deliver(clinic_id: str, calls: list[Received]) -> list[str]:
    db.session.rollback()
    return [receive_webhook("paypal", clinic_id, call.body, call.headers) for call in calls]


def completed(payment: Payment) -> int:
    db.session.rollback()
    wanted = (
        select(func.count())
        .select_from(EventRecord)
        .where(EventRecord.type == "payment.completed", EventRecord.payload["paymentId"].astext == payment.id)
    )
    return int(db.session.scalar(wanted) or 0)


def refund_on_the_dashboard(sandbox: RunningSandbox, capture_id: str, value: str) -> None:
    login = (KEYS["client_id"], KEYS["client_secret"])
    form = {"grant_type": "client_credentials"}
    token = sandbox.request("POST", "/paypal/v1/oauth2/token", data=form, auth=login).json()["access_token"]
    path, body = (
        f"/paypal/v2/payments/captures/{capture_id}/refund",
        {"amount": {"currency_code": "USD", "value": value}},
    )
    assert sandbox.request("POST", path, json=body, headers={"Authorization": f"Bearer {token}"}).ok
