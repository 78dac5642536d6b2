"""Payment links: an order with a page of its own that needs no shop."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from app.sandbox import clock
from app.sandbox.documents import Entity, Page
from app.sandbox.ids import prefixed
from app.sandbox.simulators.razorpay import rules
from app.sandbox.simulators.razorpay.errors import RazorpayError
from app.sandbox.simulators.razorpay.merchant import CODE, Merchant
from app.sandbox.simulators.razorpay.orders import create_order
from app.sandbox.simulators.razorpay.signatures import sign_return

KIND = "payment_link"
FIELDS = frozenset(
    {
        "amount", "currency", "reference_id", "description", "customer", "notify", "expire_by", "accept_partial",
        "first_min_partial_amount", "callback_url", "callback_method", "notes", "reminder_enable", "options",
    }
)  # fmt: skip
LEAST_LIFE = 15 * 60
LONGEST_DESCRIPTION = 2048


def create_link(merchant: Merchant, body: dict[str, Any], host_url: str) -> Entity:
    """Raises RazorpayError for anything the vendor would refuse."""
    _check(body)
    currency = body.get("currency", "INR")
    with merchant.sandbox.store.transaction():
        reference = rules.text_of(body, "reference_id", rules.LONGEST_RECEIPT) or ""
        _check_unique(merchant, reference)
        order = create_order(merchant, {"currency": currency, "receipt": reference, **_kept(body, "amount", "notes")})
        link = merchant.put(_new_link(order, body, host_url, reference), kind=KIND, parent=order["id"])
        if link["expire_by"]:
            seconds = link["expire_by"] - clock.seconds()
            merchant.sandbox.timers.set(CODE, "expire_link", {"link_id": link["id"]}, seconds=seconds)
    return link


def _kept(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: body[name] for name in names if name in body}


def _check(body: dict[str, Any]) -> None:
    rules.only_fields(body, FIELDS)
    if body.get("accept_partial"):
        raise RazorpayError("Partial payment is not enabled for the merchant", field="accept_partial")
    if body.get("callback_url") and body.get("callback_method") != "get":
        raise RazorpayError("The callback method must be get when a callback url is sent.", field="callback_method")
    if not isinstance(body.get("customer") or {}, dict):
        raise RazorpayError("The customer must be an array.", field="customer")
    expire_by = body.get("expire_by") or 0
    if not isinstance(expire_by, int) or (expire_by and expire_by < clock.timestamp() + LEAST_LIFE):
        raise RazorpayError("expire_by should be at least 15 minutes after current time", field="expire_by")


def _check_unique(merchant: Merchant, reference: str) -> None:
    if reference and merchant.list(KIND, Page(count=1), field="reference_id", value=reference):
        raise RazorpayError(f"payment link with given reference_id ({reference}) already exists", field="reference_id")


def _new_link(order: Entity, body: dict[str, Any], host_url: str, reference: str) -> Entity:
    id = prefixed("plink")
    return {
        "accept_partial": False, "amount": order["amount"], "amount_paid": 0,
        "callback_method": body.get("callback_method") or "", "callback_url": body.get("callback_url") or "",
        "cancelled_at": 0, "created_at": order["created_at"], "currency": order["currency"],
        "customer": body.get("customer") or {},
        "description": rules.text_of(body, "description", LONGEST_DESCRIPTION) or "",
        "expire_by": body.get("expire_by") or 0, "expired_at": 0, "first_min_partial_amount": 0, "id": id,
        "notes": order["notes"] or None, "notify": body.get("notify") or {"email": False, "sms": False},
        "order_id": order["id"], "payments": [], "reference_id": reference,
        "reminder_enable": bool(body.get("reminder_enable")), "reminders": [],
        "short_url": f"{host_url}razorpay/l/{id}", "status": "created", "updated_at": order["created_at"],
        "user_id": "",
    }  # fmt: skip


def get_link(merchant: Merchant, id: str) -> Entity:
    return merchant.get(KIND, id)


def list_links(merchant: Merchant, query: dict[str, str]) -> list[Entity]:
    return merchant.list(KIND, rules.page_of(query), field="reference_id", value=query.get("reference_id"))


def cancel_link(merchant: Merchant, id: str) -> Entity:
    """Only while nothing is paid."""
    with merchant.sandbox.store.transaction():
        link = merchant.get(KIND, id)
        if link["status"] != "created":
            raise RazorpayError(f"Payment link cannot be cancelled as it is in {link['status']} status")
        return _end(merchant, link, "cancelled")


def expire_link(merchant: Merchant, id: str) -> None:
    link = merchant.get(KIND, id)
    if link["status"] == "created":
        _end(merchant, link, "expired")


def _end(merchant: Merchant, link: Entity, status: str) -> Entity:
    now = clock.timestamp()
    link = merchant.put({**link, "status": status, f"{status}_at": now, "updated_at": now}, kind=KIND)
    order = merchant.get("order", link["order_id"])
    merchant.announce(order["id"], (f"payment_link.{status}", {"payment_link": link, "order": order}))
    return link


def count_payment(merchant: Merchant, payment: Entity) -> Entity | None:
    """Marks the link of this payment's order as paid; None when the order has no link."""
    found = merchant.children(KIND, payment["order_id"])
    if not found:
        return None
    part = {name: payment[name] for name in ("amount", "created_at", "method", "status")}
    paid = {"payment_id": payment["id"], "plink_id": found[0]["id"], **part}
    change = {"status": "paid", "amount_paid": payment["amount"], "payments": [paid], "updated_at": clock.timestamp()}
    return merchant.put({**found[0], **change}, kind=KIND)


def return_url(merchant: Merchant, link: Entity, payment_id: str) -> str | None:
    """Where the browser goes after paying, signed; None when the link has no callback."""
    if not link["callback_url"]:
        return None
    parts = (link["id"], link["reference_id"], link["status"], payment_id)
    query = {
        "razorpay_payment_id": payment_id, "razorpay_payment_link_id": link["id"],
        "razorpay_payment_link_reference_id": link["reference_id"], "razorpay_payment_link_status": link["status"],
        "razorpay_signature": sign_return(merchant.account.key_secret, *parts),
    }  # fmt: skip
    shown = {name: value for name, value in query.items() if value}
    return f"{link['callback_url']}{'&' if '?' in link['callback_url'] else '?'}{urlencode(shown)}"
