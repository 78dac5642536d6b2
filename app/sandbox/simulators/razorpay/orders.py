"""Orders: what is to be paid."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import prefixed
from app.sandbox.simulators.razorpay import rules
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant

FIELDS = frozenset(
    {"amount", "currency", "receipt", "notes", "payment", "payment_capture", "partial_payment", "customer_id"}
)
LEAST_AUTOMATIC_EXPIRY = 12
LONGEST_MANUAL_EXPIRY = 7200


def create_order(merchant: Merchant, body: dict[str, Any]) -> Entity:
    """Raises RazorpayError for anything the vendor would refuse."""
    rules.only_fields(body, FIELDS)
    if body.get("partial_payment"):
        raise RazorpayError("Partial payment is not enabled for the merchant", field="partial_payment")
    currency = rules.currency_of(body)
    capture = _capture_of(body)
    order = _new_order(
        rules.amount_of(body, currency), currency, rules.text_of(body, "receipt", rules.LONGEST_RECEIPT),
        rules.notes_of(body),
    )  # fmt: skip
    with merchant.sandbox.store.transaction():
        set_capture(merchant, order["id"], capture)
        return merchant.put(order)


def _new_order(amount: int, currency: str, receipt: str | None, notes: Any) -> Entity:
    return {
        "id": prefixed("order"), "entity": "order", "amount": amount, "amount_paid": 0, "amount_due": amount,
        "currency": currency, "receipt": receipt, "offer_id": None, "status": "created", "attempts": 0,
        "notes": notes, "created_at": clock.timestamp(),
    }  # fmt: skip


def _capture_of(body: dict[str, Any]) -> str:
    """`automatic` or `manual`; order-level options beat the old 0/1 field."""
    payment = body.get("payment")
    if payment is None:
        return "manual" if body.get("payment_capture") in (0, "0", False) else "automatic"
    if not isinstance(payment, dict) or payment.get("capture") not in ("automatic", "manual"):
        raise RazorpayError("The payment.capture field must be automatic or manual.", field="payment.capture")
    capture: str = payment["capture"]
    _check_expiry(payment.get("capture_options") or {}, capture)
    return capture


def _check_expiry(options: Any, capture: str) -> None:
    if not isinstance(options, dict):
        raise RazorpayError("The payment.capture_options must be an array.", field="payment.capture_options")
    automatic, manual = options.get("automatic_expiry_period"), options.get("manual_expiry_period")
    if capture == "automatic" and not _is_whole(automatic):
        raise RazorpayError("The automatic_expiry_period field is required when capture is automatic.")
    if isinstance(automatic, int) and automatic < LEAST_AUTOMATIC_EXPIRY:
        raise RazorpayError(f"The automatic_expiry_period must be at least {LEAST_AUTOMATIC_EXPIRY}.")
    if isinstance(manual, int) and manual > LONGEST_MANUAL_EXPIRY:
        raise RazorpayError(f"The manual_expiry_period may not be greater than {LONGEST_MANUAL_EXPIRY}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def set_capture(merchant: Merchant, order_id: str, capture: str) -> None:
    """Kept apart from the order: the vendor does not show it."""
    merchant.sandbox.documents.put(f"{CODE}.capture", {"id": order_id, "capture": capture})


def captures_automatically(merchant: Merchant, order_id: str) -> bool:
    option = merchant.sandbox.documents.get(f"{CODE}.capture", order_id)
    return option is None or option["capture"] == "automatic"


def edit_notes(merchant: Merchant, kind: str, id: str, body: dict[str, Any]) -> Entity:
    """The only thing of an order, payment or refund that may be changed."""
    rules.only_fields(body, frozenset({"notes"}))
    notes = rules.notes_of(body)
    with merchant.sandbox.store.transaction():
        return merchant.put({**merchant.get(kind, id), "notes": notes})


def list_orders(merchant: Merchant, query: dict[str, str]) -> list[Entity]:
    orders = merchant.list("order", rules.page_of(query), field="receipt", value=query.get("receipt"))
    if query.get("authorized") in ("0", "1"):
        wanted = query["authorized"] == "1"
        orders = [order for order in orders if _has_money(merchant, order) == wanted]
    return orders


def _has_money(merchant: Merchant, order: Entity) -> bool:
    payments = merchant.children("payment", order["id"])
    return any(payment["status"] in ("authorized", "captured", "refunded") for payment in payments)
