"""The sandbox's Stripe as this clinic's account, for the tests in which it meets the adapter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.core.ids import new_id
from app.core.money import Money
from app.payments.gateways.base import (
    CheckoutRequest,
    RefundRequest,
)
from app.payments.gateways.stripe import Stripe
from tests.payments.gateways.stripe_account import REQUEST, SECRET_KEY, WEBHOOK_SECRET
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server
from tests.waiting import wait_until

ACCOUNT = "acct_Console1"


def connect(sandbox: RunningSandbox, server: Server, **more: Any) -> None:
    secrets = {"secretKey": SECRET_KEY, "webhookSecret": WEBHOOK_SECRET, **more}
    sandbox.account("stripe", accountId=ACCOUNT, webhookUrl=server.url, **secrets)


def request(**changes: Any) -> CheckoutRequest:
    return replace(REQUEST, reference=new_id(), **changes)


def pay(sandbox: RunningSandbox, order_id: str, result: str = "success", **options: Any) -> str:
    payment_id: str = sandbox.pay(order_id, result, gateway="stripe", **options)["paymentId"]
    return payment_id


def paid(sandbox: RunningSandbox, gateway: Stripe, **changes: Any) -> str:
    return pay(sandbox, gateway.create_checkout(request(**changes)).order_id)


def back(payment_id: str, rupees: int, key: str = "") -> RefundRequest:
    return RefundRequest(payment_id, Money(rupees * 100, "INR"), key or new_id(), new_id())


def calls(sandbox: RunningSandbox, operation: str) -> int:
    return sandbox.call_counts("stripe").get(operation, 0)


def received(clinic: Server, *events: str) -> dict[str, Received]:
    """The deliveries by event, once all of these have come."""

    def by_event() -> dict[str, Received]:
        return {call.json()["type"]: call for call in clinic.received}

    wait_until(lambda: set(events) <= set(by_event()))
    return by_event()
