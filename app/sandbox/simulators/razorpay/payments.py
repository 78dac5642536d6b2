"""Payments: authorised, captured, failed, late, or given back by themselves."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import prefixed, random_text
from app.sandbox.simulators.razorpay import rules
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import Event, Merchant
from app.sandbox.simulators.razorpay.orders import captures_automatically

METHODS: dict[str, dict[str, Any]] = {
    "upi": {"vpa": "patient@okbank"},
    "card": {"card_id": "card_TestCardNoPan1"},
    "netbanking": {"bank": "HDFC"},
    "wallet": {"wallet": "mobikwik"},
}
FAILURE = {
    "error_code": "BAD_REQUEST_ERROR",
    "error_description": "Your payment has been declined by the bank. Try another payment method.",
    "error_source": "bank",
    "error_step": "payment_authorization",
    "error_reason": "payment_failed",
}
NO_FAILURE: dict[str, None] = dict.fromkeys(FAILURE)


def fee_of(amount: int) -> tuple[int, int]:
    """Two per cent and 18 % GST on it; the fee includes the tax."""
    base = (amount * 2 + 50) // 100
    tax = (base * 18 + 50) // 100
    return base + tax, tax


def _new_payment(order: Entity, prefill: dict[str, str], method: str) -> Entity:
    return {
        "id": prefixed("pay"), "entity": "payment", "amount": order["amount"], "currency": order["currency"],
        "status": "created", "order_id": order["id"], "invoice_id": None, "international": False, "method": method,
        "amount_refunded": 0, "refund_status": None, "captured": False, "description": prefill.get("description"),
        "card_id": None, "bank": None, "wallet": None, "vpa": None, **METHODS[method],
        "email": prefill.get("email") or "void@razorpay.com", "contact": prefill.get("contact") or "+919999999999",
        "notes": order["notes"], "fee": None, "tax": None, **NO_FAILURE,
        "acquirer_data": {"rrn": random_text(12, "0123456789")}, "created_at": clock.timestamp(),
    }  # fmt: skip


def start_payment(merchant: Merchant, order: Entity, prefill: dict[str, str], method: str) -> tuple[Entity, Entity]:
    """A new attempt on an order; answers both. Raises RazorpayError once the order is paid."""
    if order["status"] == "paid":
        raise RazorpayError("Payment already done for this order.", reason="order_already_paid")
    if method not in METHODS:
        raise RazorpayError("The selected method is invalid.", field="method")
    order = merchant.put({**order, "attempts": order["attempts"] + 1, "status": "attempted"})
    payment = merchant.put(_new_payment(order, prefill, method), parent=order["id"])
    return order, payment


def authorize(merchant: Merchant, payment: Entity) -> tuple[Entity, list[Event]]:
    """Money is reserved, and taken at once where the order says so; a paid order's second one goes back."""
    payment = merchant.put({**payment, **NO_FAILURE, "status": "authorized"})
    events: list[Event] = [("payment.authorized", {"payment": payment})]
    order = merchant.get("order", payment["order_id"])
    if order["status"] != "paid" and captures_automatically(merchant, order["id"]):
        payment, more = _take_money(merchant, payment, order)
        events += more
    return payment, events


def fail(merchant: Merchant, payment: Entity, reason: dict[str, str] | None = None) -> tuple[Entity, list[Event]]:
    payment = merchant.put({**payment, **FAILURE, **(reason or {}), "status": "failed"})
    return payment, [("payment.failed", {"payment": payment})]


def _take_money(merchant: Merchant, payment: Entity, order: Entity) -> tuple[Entity, list[Event]]:
    fee, tax = fee_of(payment["amount"])
    payment = merchant.put({**payment, "status": "captured", "captured": True, "fee": fee, "tax": tax})
    order = merchant.put({**order, "status": "paid", "amount_paid": order["amount"], "amount_due": 0})
    return payment, [
        ("payment.captured", {"payment": payment}),
        ("order.paid", {"payment": payment, "order": order}),
    ]


def capture_payment(merchant: Merchant, payment_id: str, body: dict[str, Any]) -> Entity:
    """Only the whole amount, only once, only while authorised."""
    rules.only_fields(body, frozenset({"amount", "currency"}))
    with merchant.sandbox.store.transaction():
        payment = merchant.get("payment", payment_id)
        _check_capture(payment, body)
        order = merchant.get("order", payment["order_id"])
        if order["status"] == "paid":
            raise RazorpayError("Payment already done for this order.", reason="capture_failed")
        payment, events = _take_money(merchant, payment, order)
        merchant.announce(payment["order_id"], *events)
    return payment


def _check_capture(payment: Entity, body: dict[str, Any]) -> None:
    amount = rules.amount_of(body, payment["currency"])
    if payment["captured"]:
        raise RazorpayError("This payment has already been captured", reason="capture_failed")
    if payment["status"] != "authorized":
        description = "Only payments which have been authorized and not yet captured can be captured"
        raise RazorpayError(description, reason="capture_failed")
    if amount != payment["amount"]:
        description = "Capture amount must be equal to the amount authorized"
        raise RazorpayError(description, field="amount", reason="capture_failed")
    if body.get("currency", payment["currency"]) != payment["currency"]:
        raise RazorpayError("Capture currency does not match the payment's currency", field="currency")
