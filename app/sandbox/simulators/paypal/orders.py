"""Orders: opened, approved by the payer, then captured or authorised by the merchant."""

from __future__ import annotations

from typing import Any

from app.sandbox.documents import Entity
from app.sandbox.simulators.paypal import payments
from app.sandbox.simulators.paypal.amounts import read_amount
from app.sandbox.simulators.paypal.errors import PayPalError
from app.sandbox.simulators.paypal.merchant import Event, Merchant, moment, new_id

INTENTS = ("CAPTURE", "AUTHORIZE")
LONGEST_TEXT = 127
OPEN = ("CREATED", "PAYER_ACTION_REQUIRED", "APPROVED")
UNIT_TEXTS = ("reference_id", "custom_id", "invoice_id", "description", "soft_descriptor")


def open_order(merchant: Merchant, body: dict[str, Any]) -> str:
    """The id of a new order. Raises PayPalError for anything the vendor would refuse."""
    if body.get("intent") not in INTENTS:
        raise _invalid("/intent")
    units = body.get("purchase_units")
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], dict):
        raise _invalid("/purchase_units")
    source = body.get("payment_source") or {}
    order = {
        "id": new_id(), "intent": body["intent"], "status": "PAYER_ACTION_REQUIRED" if source else "CREATED",
        "purchase_units": [_unit(units[0])], "create_time": moment(),
        "payment_source": {name: {} for name in source} or None,
    }  # fmt: skip
    merchant.put("session", {"id": order["id"], **_session(body, source)})
    merchant.put("order", order)
    return str(order["id"])


def _unit(given: dict[str, Any]) -> Entity:
    unit: Entity = {"reference_id": "default"}
    for name in UNIT_TEXTS:
        value = given.get(name)
        if value is not None and (not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT):
            raise _invalid(f"/purchase_units/@reference_id=='default'/{name}")
        if value is not None:
            unit[name] = value
    return {**unit, "amount": read_amount(given.get("amount"), "/purchase_units/0/amount")}


def _session(body: dict[str, Any], source: Any) -> Entity:
    """What the approval page needs and the order does not show; `declines`: the instrument fails at the capture."""
    context = body.get("application_context") or {}
    if isinstance(source, dict) and source:
        wallet = next(iter(source.values())) or {}
        context = wallet.get("experience_context") or context
    texts = {name: str(context.get(name) or "") for name in ("return_url", "cancel_url", "brand_name")}
    return {**texts, "declines": False}


def show_order(merchant: Merchant, id: str) -> Entity:
    """The order with the payments on it and the links that its status offers."""
    order = merchant.get("order", id)
    found = {kind: merchant.children(kind, id) for kind in payments.KINDS}
    shown = {
        f"{kind}s": [payments.shown(merchant, kind, item) for item in items] for kind, items in found.items() if items
    }
    unit = {**order["purchase_units"][0], **({"payments": shown} if shown else {})}
    return {**order, "purchase_units": [unit], "links": _links(merchant, order)}


def _links(merchant: Merchant, order: Entity) -> list[dict[str, str]]:
    path = f"/v2/checkout/orders/{order['id']}"
    links = [merchant.link("self", path)]
    if order["status"] in OPEN:
        rel = "payer-action" if order["payment_source"] else "approve"
        links.append(merchant.link(rel, f"/checkoutnow?token={order['id']}"))
    if order["status"] == "APPROVED":
        verb = order["intent"].lower()
        links.append(merchant.link(verb, f"{path}/{verb}", "POST"))
    return links


def approve(merchant: Merchant, id: str, *, declines: bool) -> list[Event]:
    """The payer agrees; `declines`: with an instrument that fails when the money is to be taken."""
    order = merchant.get("order", id)
    if order["status"] not in OPEN:
        raise PayPalError("ORDER_ALREADY_COMPLETED", f"The order is {order['status']}.")
    merchant.put("session", {**merchant.get("session", id), "declines": declines})
    payer = {"payer_id": "QYR5Z8XDVJNXQ", "email_address": "payer@example.com"}
    merchant.put("order", {**order, "status": "APPROVED", "payer": payer})
    return [("CHECKOUT.ORDER.APPROVED", show_order(merchant, id))]


def reverse_approval(merchant: Merchant, id: str) -> list[Event]:
    """Nobody captured in time: the approval lapses."""
    order = merchant.get("order", id)
    if order["status"] != "APPROVED":
        raise PayPalError("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.")
    merchant.put("order", {**order, "status": "VOIDED"})
    return [("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": id, "purchase_units": order["purchase_units"]})]


def take_order(merchant: Merchant, id: str, intent: str) -> str:
    """Capture or authorise an approved order. Raises PayPalError; a refused instrument leaves it approved."""
    order = merchant.get("order", id)
    if order["intent"] != intent:
        raise PayPalError("ACTION_DOES_NOT_MATCH_INTENT", "Order was created with another intent.")
    if order["status"] == "COMPLETED":
        raise PayPalError(f"ORDER_ALREADY_{intent}D", f"Order already {intent.lower()}d.")
    if order["status"] != "APPROVED":
        raise PayPalError("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.")
    if merchant.get("session", id)["declines"]:
        raise PayPalError("INSTRUMENT_DECLINED", "The instrument presented was declined by the processor or bank.")
    merchant.put("order", {**order, "status": "COMPLETED", "update_time": moment()})
    if intent == "AUTHORIZE":
        payments.authorize(merchant, order)
    else:
        payments.capture_order(merchant, order)
    return id


def _invalid(field: str) -> PayPalError:
    return PayPalError("INVALID_PARAMETER_VALUE", "The value of a field is invalid.", field=field, status=400)
