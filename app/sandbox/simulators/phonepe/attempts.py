"""What a payer does on the hosted page: one attempt at an order after the other, until one is good."""

from __future__ import annotations

from typing import Any

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, WrongState
from app.sandbox.ids import random_text
from app.sandbox.simulators.phonepe.merchant import Merchant
from app.sandbox.simulators.phonepe.orders import ATTEMPT, KIND, describe, milliseconds, vendor_id

DIGITS = "0123456789"
DEFAULT_METHOD = "upi"
METHODS: dict[str, dict[str, Any]] = {
    "upi": {"paymentMode": "UPI_INTENT", "instrument": {"type": "ACCOUNT", "accountType": "SAVINGS"}},
    "card": {"paymentMode": "CARD", "instrument": {"type": "CREDIT_CARD"}},
    "netbanking": {"paymentMode": "NET_BANKING", "instrument": {"type": "NET_BANKING"}},
}
FAILURE = {
    "errorCode": "PAYMENT_ERROR", "detailedErrorCode": "TXN_AUTO_FAILED",
    "reason": "The payment was declined by the payer's bank.",
}  # fmt: skip


def pay(merchant: Merchant, order: Entity, method: str) -> tuple[Entity, list[str]]:
    """The money is taken at once. Answers the attempt and the events it caused. Raises WrongState."""
    attempt = _start(merchant, order, method, "COMPLETED")
    order = merchant.put(KIND, {**order, "state": "COMPLETED"})
    return attempt, _tell(merchant, "checkout.order.completed", order)


def decline(merchant: Merchant, order: Entity, method: str) -> tuple[Entity, list[str]]:
    """The order stays open for another try, unless the merchant wants none."""
    attempt = _start(merchant, order, method, "FAILED")
    if order["disablePaymentRetry"]:
        return attempt, close(merchant, order)
    return attempt, _tell(merchant, "checkout.transaction.attempt.failed", order)


def close(merchant: Merchant, order: Entity) -> list[str]:
    """Nobody can pay it any more, ever."""
    return _tell(merchant, "checkout.order.failed", merchant.put(KIND, {**order, "state": "FAILED"}))


def _start(merchant: Merchant, order: Entity, method: str, state: str) -> Entity:
    if order["state"] != "PENDING":
        raise WrongState(f"the order is {order['state']}")
    if method not in METHODS:
        raise SandboxError(f"method must be one of {', '.join(METHODS)}")
    rail = {"type": "UPI", "utr": random_text(12, DIGITS), "vpa": "patient@ybl"} if method == "upi" else {"type": "PG"}
    attempt_id = vendor_id("OM")
    attempt = {
        "id": attempt_id, "transactionId": attempt_id, "order_id": order["id"], "amount": order["amount"],
        "payableAmount": order["amount"], "feeAmount": 0, "currency": "INR", "state": state,
        "timestamp": milliseconds(), "created_at": clock.timestamp(), "rail": rail, "method": method,
        **METHODS[method], **(FAILURE if state == "FAILED" else {}),
    }  # fmt: skip
    return merchant.put(ATTEMPT, attempt, parent=order["id"])


def _tell(merchant: Merchant, event: str, order: Entity) -> list[str]:
    payload = describe(order, merchant.children(ATTEMPT, order["id"]))
    return merchant.announce(order["merchantOrderId"], event, payload)
