"""The hosted page without its looks: what pressing Pay, Fail or Cancel does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord, WrongState
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay import links
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Event, Merchant, owner_of
from app.sandbox.simulators.razorpay.payments import authorize, fail, start_payment
from app.sandbox.simulators.razorpay.refunds import return_uncaptured
from app.sandbox.simulators.razorpay.signatures import sign_return

SESSION = "session"
DEFAULT_METHOD = "upi"


@dataclass(frozen=True)
class Outcome:
    """The payment as it is now, the fields that the browser carries back, and the events it caused."""

    payment: Entity
    fields: dict[str, str]
    events: list[Event] = field(default_factory=list)
    too_late: bool = False


def pay(merchant: Merchant, order_id: str, prefill: dict[str, str], method: str) -> Outcome:
    """Raises RazorpayError when the order is paid already."""
    order, payment = start_payment(merchant, merchant.get("order", order_id), prefill, method)
    payment, events = authorize(merchant, payment)
    link = links.count_payment(merchant, payment) if payment["captured"] else None
    if link is not None:
        order = merchant.get("order", order_id)
        events.append(("payment_link.paid", {"payment_link": link, "order": order, "payment": payment}))
    return Outcome(payment, success_fields(merchant, payment), events)


def decline(merchant: Merchant, order_id: str, prefill: dict[str, str], method: str) -> Outcome:
    """A failed attempt: the order stays open."""
    _, payment = start_payment(merchant, merchant.get("order", order_id), prefill, method)
    payment, events = fail(merchant, payment)
    return Outcome(payment, failure_fields(payment), events)


def succeed_late(merchant: Merchant, order_id: str) -> Outcome:
    """The bank answered after all: the last failed payment turns authorised; too late for a paid order."""
    failed = [payment for payment in merchant.children("payment", order_id) if payment["status"] == "failed"]
    if not failed:
        raise WrongState(f"no failed payment on {order_id}")
    paid_before = merchant.get("order", order_id)["status"] == "paid"
    payment, events = authorize(merchant, failed[0])
    return Outcome(payment, success_fields(merchant, payment), events, too_late=paid_before)


def expire(merchant: Merchant, order_id: str) -> Outcome:
    """Nobody captured in time: the authorised payment goes back by itself."""
    waiting = [payment for payment in merchant.children("payment", order_id) if payment["status"] == "authorized"]
    if not waiting:
        raise WrongState(f"no authorised, uncaptured payment on {order_id}")
    payment = return_uncaptured(merchant, waiting[0])
    return Outcome(payment, {})


def success_fields(merchant: Merchant, payment: Entity) -> dict[str, str]:
    signature = sign_return(merchant.account.key_secret, payment["order_id"], payment["id"])
    return {
        "razorpay_payment_id": payment["id"], "razorpay_order_id": payment["order_id"], "razorpay_signature": signature,
    }  # fmt: skip


def failure_fields(payment: Entity) -> dict[str, str]:
    names = ("code", "description", "source", "step", "reason")
    metadata = {"payment_id": payment["id"], "order_id": payment["order_id"]}
    fields = {f"error[{name}]": payment[f"error_{name}"] for name in names}
    return {**fields, "error[metadata]": json.dumps(metadata)}


def press(
    merchant: Merchant, order_id: str, result: str, *, prefill: dict[str, str], method: str, webhook: bool = True
) -> Outcome:
    """One button, one transaction. Raises SandboxError for an unknown result, WrongState for a paid order."""
    with merchant.sandbox.store.transaction():
        try:
            outcome = _press(merchant, order_id, result, prefill, method)
        except RazorpayError as error:
            raise WrongState(str(error)) from None
        if webhook and outcome.events:
            merchant.announce(order_id, *outcome.events)
        if outcome.too_late:
            outcome = replace(outcome, payment=return_uncaptured(merchant, outcome.payment))
    return outcome


def _press(merchant: Merchant, order_id: str, result: str, prefill: dict[str, str], method: str) -> Outcome:
    if result == "success":
        return pay(merchant, order_id, prefill, method)
    if result == "failure":
        return decline(merchant, order_id, prefill, method)
    if result == "late_success":
        return succeed_late(merchant, order_id)
    if result == "expire":
        return expire(merchant, order_id)
    raise SandboxError("result must be success, failure, late_success or expire")


def last_session(merchant: Merchant, order_id: str) -> Entity:
    """What the newest hosted page of this order was opened with; empty when none was."""
    sessions = merchant.children(SESSION, order_id)
    return sessions[0] if sessions else {"prefill": {}, "callback_url": None}


def checkout(sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
    """The control route: takes an order's id or a payment link's."""
    try:
        kind = "payment_link" if order_id.startswith("plink_") else "order"
        merchant = owner_of(sandbox, kind, order_id)
    except RazorpayError:
        raise UnknownRecord(f"{CODE} knows no order {order_id}") from None
    if kind == "payment_link":
        order_id = merchant.get(kind, order_id)["order_id"]
    session = last_session(merchant, order_id)
    webhook = bool(command.get("webhook", True))
    outcome = press(
        merchant, order_id, str(command.get("result")), prefill=session["prefill"],
        method=str(command.get("method", DEFAULT_METHOD)), webhook=webhook,
    )  # fmt: skip
    return {
        "gateway": CODE, "orderId": order_id, "result": command["result"], "paymentId": outcome.payment["id"],
        "status": outcome.payment["status"], "signature": outcome.fields.get("razorpay_signature"),
        "callbackUrl": session["callback_url"], "callback": outcome.fields,
        "webhooks": [name for name, _ in outcome.events] if webhook else [],
    }  # fmt: skip
