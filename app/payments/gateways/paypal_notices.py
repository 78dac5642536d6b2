"""What PayPal's webhooks hint at: which order, payment, refund or dispute to ask about."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from app.payments.gateways.base import GatewayNotice, NoticeKind

_KINDS = {
    "CHECKOUT.ORDER": NoticeKind.PAYMENT,
    "CHECKOUT.PAYMENT-APPROVAL": NoticeKind.PAYMENT,
    "PAYMENT.AUTHORIZATION": NoticeKind.PAYMENT,
    "PAYMENT.CAPTURE": NoticeKind.PAYMENT,
    "PAYMENT.REFUND": NoticeKind.REFUND,
    "CUSTOMER.DISPUTE": NoticeKind.DISPUTE,
}


def read_notice(event_id: str, raw: bytes) -> GatewayNotice:
    """What a verified body hints at; it carries no snapshot, as its signature does not protect it."""
    envelope = json_object(raw)
    event = _text(envelope.get("event_type"))
    kind = _KINDS.get(event.rpartition(".")[0], NoticeKind.OTHER)
    resource = envelope.get("resource")
    resource = resource if isinstance(resource, dict) else {}
    refund = kind is NoticeKind.REFUND or event == "PAYMENT.CAPTURE.REFUNDED"
    return GatewayNotice(
        event_id=_text(envelope.get("id")) or event_id,
        event=event,
        kind=NoticeKind.REFUND if refund else kind,
        occurred_at=_moment(envelope.get("create_time")),
        order_id=_order_id(event, resource) or None,
        payment_id=_payment_id(kind, resource, refund) or None,
        refund_id=_text(resource.get("id")) if refund else None,
        reference="" if refund else _reference(resource),
    )


def json_object(raw: bytes) -> dict[str, Any]:
    """The object in a body; an empty one where it is shaped otherwise."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _order_id(event: str, resource: dict[str, Any]) -> str:
    if event.startswith("CHECKOUT.ORDER."):
        return _text(resource.get("id"))
    related = _found(resource, "supplementary_data", "related_ids")
    return _text(_found(related, "order_id")) or _text(resource.get("order_id")) or _up(resource, "orders")


def _payment_id(kind: NoticeKind, resource: dict[str, Any], refund: bool) -> str:
    """Of a dispute its own id: it is fetched by that, and tells the payment."""
    if kind is NoticeKind.DISPUTE:
        return _text(resource.get("dispute_id"))
    if refund:
        return _up(resource, "captures")
    return _up(resource, "authorizations") or _text(resource.get("id"))


def _reference(resource: dict[str, Any]) -> str:
    units = resource.get("purchase_units")
    unit = units[0] if isinstance(units, list) and units else resource
    return _text(_found(unit, "custom_id"))


def _up(resource: dict[str, Any], collection: str) -> str:
    links = resource.get("links")
    for link in links if isinstance(links, list) else []:
        path, _, id = _text(_found(link, "href")).partition("?")[0].rpartition("/")
        if _found(link, "rel") == "up" and path.endswith(f"/{collection}"):
            return id
    return ""


def _found(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
