"""A payer's and a merchant's steps at PayPal's sandbox."""

from __future__ import annotations

from typing import Any

from app.core.money import Money
from app.payments.gateways.base import CheckoutRequest, GatewayPayment
from app.payments.gateways.paypal import PayPal
from tests.sandbox_server import RunningSandbox

DOLLARS_500 = Money(50000, "USD")


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


def request_for(reference: str = "visit-1", amount: Money = DOLLARS_500, **changes: Any) -> CheckoutRequest:
    back = "http://127.0.0.1:9/return?visit=1"
    return CheckoutRequest(reference, amount, "Visit", back, back, payee="Sunrise Clinic", **changes)


def approved(gateway: PayPal, sandbox: RunningSandbox, *, manual: bool = False) -> str:
    order_id = gateway.create_checkout(request_for(manual_capture=manual)).order_id
    sandbox.pay(order_id, gateway="paypal")
    return order_id


def taken(gateway: PayPal, sandbox: RunningSandbox) -> GatewayPayment:
    order = gateway.collect(approved(gateway, sandbox), reserve=False, key="operation-1")
    return order.payments[0]


def reserved(gateway: PayPal, sandbox: RunningSandbox) -> str:
    order = gateway.collect(approved(gateway, sandbox, manual=True), reserve=True, key="operation-1")
    return order.payments[0].payment_id
