"""Gateway accounts, payments and refunds, committed to the clinic in scope."""

from __future__ import annotations

import socket
from typing import Any

from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.payments.gateways import GATEWAYS
from app.payments.gateways.base import GatewayPayment, GatewayRefund, PaymentState, RefundState
from app.payments.models import Payment
from app.payments.services import create_payment, record_tender
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.commits import one_commit
from tests.factories.people import make_patient

KEY_ID = "rzp_test_Console1"
KEY_SECRET = "console-key-secret"
WEBHOOK_SECRET = "console-webhook-secret"
CREDENTIALS = {"key_id": KEY_ID, "key_secret": KEY_SECRET, "webhook_secret": WEBHOOK_SECRET}


def rupees(amount: str) -> Money:
    return Money.parse(amount, "INR")


def make_gateway_account(base_url: str | None = None, **overrides: Any) -> str:
    """A Razorpay account of the clinic; its id."""
    credentials = {**CREDENTIALS, **overrides.pop("credentials", {})}
    with one_commit():
        row = ProviderAccount(channel="payment", provider="razorpay")
        columns = {"label": "Main", "priority": 0, "enabled": True, **overrides}
        return save_account(row, GATEWAYS, credentials=credentials, base_url=base_url, **columns).id


def make_payment(amount: Money | None = None, *, order_id: str | None = None, **overrides: Any) -> Payment:
    """A payment that waits at the gateway; with `order_id` its order is open."""
    with one_commit():
        values = {"patient_id": overrides.pop("patient_id", None) or make_patient().id, **overrides}
        payment = create_payment(rupees("800") if amount is None else amount, **values)
        payment.order_id = order_id
    return payment


def make_tender(kind: str = "CASH", amount: Money | None = None, **overrides: Any) -> Payment:
    with one_commit():
        values = {"patient_id": overrides.pop("patient_id", None) or make_patient().id, **overrides}
        return record_tender(kind, rupees("800") if amount is None else amount, **values)


def make_fact(payment: Payment, state: PaymentState = PaymentState.CAPTURED, **overrides: Any) -> GatewayPayment:
    """What the gateway says about an attempt at the payment's order; sums follow from the state."""
    amount, nothing = overrides.pop("amount", payment.amount), Money.zero(payment.currency)
    taken = state in (PaymentState.CAPTURED, PaymentState.REFUNDED)
    let_go = state is PaymentState.VOIDED
    values = {
        "payment_id": "pay_1",
        "order_id": payment.order_id,
        "state": state,
        "amount": amount,
        "authorized": amount if taken or let_go or state is PaymentState.AUTHORIZED else nothing,
        "captured": amount if taken else nothing,
        "refunded": amount if state is PaymentState.REFUNDED else nothing,
        "voided": amount if let_go else nothing,
        "method": "upi",
        **overrides,
    }
    return GatewayPayment(**values)


def make_refund_fact(amount: Money, state: RefundState = RefundState.SETTLED, **overrides: Any) -> GatewayRefund:
    values = {
        "refund_id": f"rfnd_{new_id()[-12:]}",
        "payment_id": "pay_1",
        "state": state,
        "amount": amount,
        **overrides,
    }
    return GatewayRefund(**values)


def reread(row: Any) -> Any:
    """The row as the database has it now."""
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
