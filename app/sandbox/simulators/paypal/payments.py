"""Authorizations and captures: reserved, taken in parts, let go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal.amounts import Amount, amount_of, fee_of, read_amount, total, value_of
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import CODE, Merchant, moment, new_id, owner_of

KINDS = ("authorization", "capture", "refund")
PATHS = {"authorization": "authorizations", "capture": "captures", "refund": "refunds"}
FAULTS = ("capture_pending", "capture_declined")
HELD_FOR = timedelta(days=29)
MORE = Decimal("1.15")
LIVE = ("CREATED", "PARTIALLY_CAPTURED")


def shown(merchant: Merchant, kind: str, entity: Entity) -> Entity:
    """With its links: itself, what it belongs to, and what may be done."""
    path = f"/v2/payments/{PATHS[kind]}/{entity['id']}"
    links = [merchant.link("self", path), merchant.link("up", entity["up"])]
    if kind == "authorization" and entity["status"] in LIVE:
        links += [merchant.link(verb, f"{path}/{verb}", "POST") for verb in ("capture", "void", "reauthorize")]
    if kind == "capture":
        links.append(merchant.link("refund", f"{path}/refund", "POST"))
    return {**{name: value for name, value in entity.items() if name != "up"}, "links": links}


def show(merchant: Merchant, kind: str, id: str) -> Entity:
    return shown(merchant, kind, merchant.get(kind, id))


def authorize(merchant: Merchant, order: Entity) -> None:
    unit = order["purchase_units"][0]
    _new_authorization(merchant, order["id"], unit["amount"], unit)


def _new_authorization(merchant: Merchant, order_id: str, amount: Amount, unit: Entity) -> Entity:
    entity = {
        "id": new_id(), "status": "CREATED", "amount": amount, **_named(unit), "create_time": moment(),
        "expiration_time": (datetime.now(UTC) + HELD_FOR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "supplementary_data": {"related_ids": {"order_id": order_id}}, "up": f"/v2/checkout/orders/{order_id}",
    }  # fmt: skip
    merchant.put("authorization", entity, parent=order_id)
    merchant.announce(order_id, ("PAYMENT.AUTHORIZATION.CREATED", shown(merchant, "authorization", entity)))
    return entity


def _named(unit: Entity) -> Entity:
    return {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}


def capture_order(merchant: Merchant, order: Entity) -> Entity:
    unit = order["purchase_units"][0]
    related = {"order_id": order["id"]}
    _check_invoice(merchant, unit)
    return _take(merchant, unit["amount"], _named(unit), related, f"/v2/checkout/orders/{order['id']}", final=True)


def _check_invoice(merchant: Merchant, fields: Entity) -> None:
    number = fields.get("invoice_id")
    if number and any(item.get("invoice_id") == number for item in merchant.every("capture")):
        raise PayPalError("DUPLICATE_INVOICE_ID", "Requested invoice number has been previously processed.")


def _take(
    merchant: Merchant, amount: Amount, fields: Entity, related: dict[str, str], up: str, *, final: bool
) -> Entity:
    """A new capture: completed at once, or pending or declined when an armed fault says so."""
    fault = merchant.sandbox.faults.take(CODE, FAULTS, ())
    ends = {"capture_pending": "PENDING", "capture_declined": "DECLINED"}
    status = ends.get(fault.fault if fault else "", "COMPLETED")
    entity = {
        "id": new_id(), "status": status, "amount": amount, **fields, "final_capture": final, "create_time": moment(),
        "supplementary_data": {"related_ids": related}, "up": up, **_details(amount, status),
    }  # fmt: skip
    merchant.put("capture", entity, parent=related["order_id"])
    merchant.announce(related["order_id"], (f"PAYMENT.CAPTURE.{status}", shown(merchant, "capture", entity)))
    if fault is not None and status == "PENDING":
        timer = {"capture_id": entity["id"]}
        merchant.sandbox.timers.set(CODE, "complete_capture", timer, seconds=fault.seconds)
    return entity


def _details(amount: Amount, status: str) -> Entity:
    if status == "PENDING":
        return {"status_details": {"reason": "PENDING_REVIEW"}}
    if status == "DECLINED":
        return {"status_details": {"reason": "OTHER"}}
    fee = fee_of(amount)
    net = amount_of(value_of(amount) - value_of(fee), amount["currency_code"])
    return {"seller_receivable_breakdown": {"gross_amount": amount, "paypal_fee": fee, "net_amount": net}}


def complete_capture(sandbox: Sandbox, capture_id: str) -> None:
    """The review ended well."""
    merchant = owner_of(sandbox, "capture", capture_id)
    capture = merchant.get("capture", capture_id)
    if capture["status"] != "PENDING":
        return
    done = {name: value for name, value in capture.items() if name != "status_details"}
    capture = merchant.put("capture", {**done, "status": "COMPLETED", **_details(done["amount"], "COMPLETED")})
    order_id = capture["supplementary_data"]["related_ids"]["order_id"]
    merchant.announce(order_id, ("PAYMENT.CAPTURE.COMPLETED", shown(merchant, "capture", capture)))


def captures_of(merchant: Merchant, authorization: Entity) -> list[Entity]:
    order_id = authorization["supplementary_data"]["related_ids"]["order_id"]
    up = f"/v2/payments/authorizations/{authorization['id']}"
    return [item for item in merchant.children("capture", order_id) if item["up"] == up]


def capture_authorization(merchant: Merchant, id: str, body: dict[str, Any]) -> str:
    """Part of it, or all; up to 115 % of what was authorised. Answers the capture's id."""
    authorization = merchant.get("authorization", id)
    currency = authorization["amount"]["currency_code"]
    taken = total([item["amount"] for item in captures_of(merchant, authorization)])
    left = amount_of(max(value_of(authorization["amount"]) - taken, Decimal(0)), currency)
    _check_live(authorization)
    amount = read_amount(body["amount"], "/amount", currency) if "amount" in body else left
    if taken + value_of(amount) > value_of(authorization["amount"]) * MORE:
        raise PayPalError("MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit.")
    fields = {**_named(authorization), **({"invoice_id": body["invoice_id"]} if body.get("invoice_id") else {})}
    _check_invoice(merchant, fields)
    final = bool(body.get("final_capture")) or amount == left
    merchant.put("authorization", {**authorization, "status": "CAPTURED" if final else "PARTIALLY_CAPTURED"})
    order_id = authorization["supplementary_data"]["related_ids"]["order_id"]
    related = {"order_id": order_id, "authorization_id": id}
    return str(_take(merchant, amount, fields, related, f"/v2/payments/authorizations/{id}", final=final)["id"])


def _check_live(authorization: Entity) -> None:
    if authorization["status"] == "CAPTURED":
        raise PayPalError("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.")
    if authorization["status"] == "VOIDED":
        raise PayPalError("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured or reauthorized.")


def void_authorization(merchant: Merchant, id: str) -> str:
    """What is left of it is let go."""
    authorization = merchant.get("authorization", id)
    if authorization["status"] == "CAPTURED":
        raise PayPalError("PREVIOUSLY_CAPTURED", "Authorization has been previously captured and cannot be voided.")
    if authorization["status"] == "VOIDED":
        raise PayPalError("PREVIOUSLY_VOIDED", "Authorization has been previously voided and cannot be voided again.")
    authorization = merchant.put("authorization", {**authorization, "status": "VOIDED"})
    order_id = authorization["supplementary_data"]["related_ids"]["order_id"]
    merchant.announce(order_id, ("PAYMENT.AUTHORIZATION.VOIDED", shown(merchant, "authorization", authorization)))
    return id


def reauthorize(merchant: Merchant, id: str, body: dict[str, Any]) -> str:
    """A new authorization for the same money; the sandbox does not wait for the fourth day."""
    authorization = merchant.get("authorization", id)
    _check_live(authorization)
    currency = authorization["amount"]["currency_code"]
    amount = read_amount(body["amount"], "/amount", currency) if "amount" in body else authorization["amount"]
    order_id = authorization["supplementary_data"]["related_ids"]["order_id"]
    merchant.put("authorization", {**authorization, "status": "VOIDED"})
    return str(_new_authorization(merchant, order_id, amount, authorization)["id"])
