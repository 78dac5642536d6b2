"""Orders: opened once per merchant order id, paid by at most one of their attempts."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.simulators.phonepe import rules
from app.sandbox.simulators.phonepe.account import CODE
from app.sandbox.simulators.phonepe.errors import PhonePeError, unknown
from app.sandbox.simulators.phonepe.merchant import Merchant

KIND, ATTEMPT = "order", "payment"
FIELDS = frozenset(
    {
        "merchantOrderId", "amount", "expireAfter", "metaInfo", "paymentFlow", "disablePaymentRetry",
        "prefillUserLoginDetails",
    }
)  # fmt: skip
SHOWN = (
    "transactionId", "paymentMode", "timestamp", "amount", "payableAmount", "feeAmount", "state", "errorCode",
    "detailedErrorCode", "rail", "instrument", "splitInstruments",
)  # fmt: skip


def vendor_id(prefix: str) -> str:
    """`OMO`, `OM` or `OMR` and digits."""
    return prefix + random_text(22, "0123456789")


def milliseconds() -> int:
    return int(clock.seconds() * 1000)


def create_order(merchant: Merchant, body: dict[str, Any], host_url: str) -> dict[str, Any]:
    """Raises PhonePeError for anything the vendor would refuse, a merchant order id that was used above all."""
    said = rules.only_fields(body, FIELDS)
    order_id, amount, life = rules.id_of(said, "merchantOrderId"), rules.amount_of(said), rules.life_of(said)
    order = _new_order(order_id, amount, life, said)
    with merchant.sandbox.store.transaction():
        if merchant.find(KIND, "merchantOrderId", order_id) is not None:
            raise PhonePeError("merchantOrderId was used before", code="INVALID_TRANSACTION_ID")
        merchant.put(KIND, order)
        timer = {"client_id": merchant.account.client_id, "order_id": order["id"]}
        merchant.sandbox.timers.set(CODE, "expire_order", timer, seconds=life)
    page = f"{host_url}phonepe/page/{order['id']}"
    return {"orderId": order["id"], "state": order["state"], "expireAt": order["expireAt"], "redirectUrl": page}


def _new_order(order_id: str, amount: int, life: int, said: dict[str, Any]) -> Entity:
    flow = said.get("paymentFlow")
    return {
        "id": vendor_id("OMO"), "merchantOrderId": order_id, "receipt": order_id, "amount": amount, "currency": "INR",
        "state": "PENDING", "expireAt": milliseconds() + life * 1000, "created_at": clock.timestamp(),
        "redirectUrl": rules.redirect_of(flow), "message": (flow or {}).get("message") or "",
        "metaInfo": said.get("metaInfo"), "disablePaymentRetry": bool(said.get("disablePaymentRetry")),
    }  # fmt: skip


def order_named(merchant: Merchant, order_id: str) -> Entity:
    """By the merchant's id. Raises PhonePeError."""
    order = merchant.find(KIND, "merchantOrderId", order_id)
    if order is None:
        raise unknown("order")
    return order


def order_of_attempt(merchant: Merchant, transaction_id: str) -> Entity:
    """Raises PhonePeError."""
    attempt = merchant.find(ATTEMPT, "transactionId", transaction_id)
    if attempt is None:
        raise unknown("transaction")
    return merchant.get(KIND, attempt["order_id"])


def status_of(merchant: Merchant, order: Entity, query: dict[str, str]) -> dict[str, Any]:
    """The order with its last attempt, or with `details` all of them; `errorContext` says why one failed."""
    attempts = merchant.children(ATTEMPT, order["id"])
    if query.get("details", "").lower() != "true":
        attempts = attempts[-1:]
    with_reason = query.get("errorContext", "").lower() == "true"
    return describe(order, attempts, with_reason=with_reason)


def describe(order: Entity, attempts: list[Entity], *, with_reason: bool = False) -> dict[str, Any]:
    shown = {
        "orderId": order["id"], "merchantOrderId": order["merchantOrderId"], "state": order["state"],
        "amount": order["amount"], "payableAmount": order["amount"], "feeAmount": 0, "expireAt": order["expireAt"],
        "metaInfo": order["metaInfo"], "paymentDetails": [_attempt(item, with_reason) for item in attempts],
    }  # fmt: skip
    if order["state"] == "FAILED":
        last = attempts[-1] if attempts else {}
        shown["errorCode"] = last.get("errorCode", "TXN_NOT_COMPLETED")
        shown["detailedErrorCode"] = last.get("detailedErrorCode", "ORDER_EXPIRED")
    return shown


def _attempt(attempt: Entity, with_reason: bool) -> dict[str, Any]:
    shown = {name: attempt[name] for name in SHOWN if attempt.get(name) is not None}
    if with_reason and attempt.get("reason"):
        shown["errorContext"] = {"errorCode": attempt["errorCode"], "description": attempt["reason"]}
    return shown
