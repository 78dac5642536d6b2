"""The approval page without its looks: what pressing its buttons does."""

from __future__ import annotations

from typing import Any

from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal import orders, payments
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import CODE, Event, Merchant, owner_of

PAYER_ID = "QYR5Z8XDVJNXQ"


def press(merchant: Merchant, order_id: str, result: str, *, webhook: bool = True) -> list[str]:
    """One button, one transaction; the names of the webhooks. Raises SandboxError, and WrongState for a done order."""
    with merchant.sandbox.store.transaction():
        try:
            events = _press(merchant, order_id, result)
        except PayPalError as error:
            raise WrongState(str(error)) from None
        return merchant.announce(order_id, *events) if webhook and events else []


def _press(merchant: Merchant, order_id: str, result: str) -> list[Event]:
    if result in ("success", "failure"):
        return orders.approve(merchant, order_id, declines=result == "failure")
    if result == "cancel":
        return []
    if result == "expire":
        return _expire(merchant, order_id)
    raise SandboxError("result must be success, failure, cancel or expire")


def _expire(merchant: Merchant, order_id: str) -> list[Event]:
    """Nobody took the money in time: of a reservation, or of an approval."""
    for item in merchant.children("authorization", order_id):
        if item["status"] in payments.LIVE:
            entity = merchant.put("authorization", {**item, "status": "VOIDED"})
            return [("PAYMENT.AUTHORIZATION.VOIDED", payments.shown(merchant, "authorization", entity))]
    return orders.reverse_approval(merchant, order_id)


def return_fields(order_id: str, result: str) -> dict[str, str]:
    """What the browser carries back; nothing of it is signed."""
    return {"token": order_id} if result == "cancel" else {"token": order_id, "PayerID": PAYER_ID}


def checkout(sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
    """The control route."""
    try:
        merchant = owner_of(sandbox, "order", order_id)
    except PayPalError:
        raise UnknownRecord(f"{CODE} knows no order {order_id}") from None
    result = str(command.get("result"))
    webhooks = press(merchant, order_id, result, webhook=bool(command.get("webhook", True)))
    session = merchant.get("session", order_id)
    return {
        "gateway": CODE, "orderId": order_id, "result": result, "paymentId": None, "signature": None,
        "status": merchant.get("order", order_id)["status"], "callback": return_fields(order_id, result),
        "callbackUrl": session["cancel_url" if result == "cancel" else "return_url"], "webhooks": webhooks,
    }  # fmt: skip
