"""The buttons of the hosted page, pressed by a person or through the control routes."""

from __future__ import annotations

from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.phonepe.account import CODE
from app.sandbox.simulators.phonepe.attempts import DEFAULT_METHOD, close, decline, pay
from app.sandbox.simulators.phonepe.merchant import Merchant, merchants
from app.sandbox.simulators.phonepe.orders import KIND

RESULTS = ("success", "failure", "expire")


def press(merchant: Merchant, order_id: str, result: str, method: str) -> tuple[Entity | None, list[str]]:
    """One button, one transaction; the attempt, where there is one, and the events. Raises WrongState."""
    with merchant.sandbox.store.transaction():
        order = merchant.get(KIND, order_id)
        if result == "success":
            return pay(merchant, order, method)
        if result == "failure":
            return decline(merchant, order, method)
        return None, expire_order(merchant, order_id)


def expire_order(merchant: Merchant, order_id: str) -> list[str]:
    """Its time is over; nothing where it has ended before."""
    with merchant.sandbox.store.transaction():
        order = merchant.get(KIND, order_id)
        return close(merchant, order) if order["state"] == "PENDING" else []


def checkout(sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
    """The control route: takes the merchant's order id. `webhook` false keeps the gateway silent."""
    result = command.get("result")
    if result not in RESULTS:
        raise SandboxError(f"result must be one of {', '.join(RESULTS)}")
    merchant, order = _find(sandbox, order_id)
    actor = merchant if command.get("webhook", True) else _silent(merchant)
    attempt, events = press(actor, order["id"], str(result), str(command.get("method", DEFAULT_METHOD)))
    return {
        "gateway": CODE, "orderId": order_id, "result": result,
        "paymentId": attempt["transactionId"] if attempt else None,
        "status": (attempt or merchant.get(KIND, order["id"]))["state"], "callbackUrl": order["redirectUrl"],
        "callback": {}, "webhooks": events,
    }  # fmt: skip


class _Silent(Merchant):
    """A merchant whose webhooks get lost."""

    def announce(self, lane: str, event: str, payload: dict[str, Any]) -> list[str]:
        return []


def _silent(merchant: Merchant) -> Merchant:
    return _Silent(merchant.account, merchant.sandbox)


def _find(sandbox: Sandbox, order_id: str) -> tuple[Merchant, Entity]:
    for merchant in merchants(sandbox):
        order = merchant.find(KIND, "merchantOrderId", order_id)
        if order is not None:
            return merchant, order
    raise UnknownRecord(f"{CODE} knows no order {order_id}")
