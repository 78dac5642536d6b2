"""Razorpay's notices as it signs them, and the inbox that takes them."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextvars import copy_context
from typing import Any

from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import db
from app.payments.models import WebhookEvent
from tests.factories.payments import WEBHOOK_SECRET


def entity(order_id: str, status: str = "captured", **fields: Any) -> dict[str, Any]:
    """A payment as Razorpay writes it."""
    return {
        "id": "pay_1", "entity": "payment", "amount": 80_000, "currency": "INR", "status": status, "order_id": order_id,
        "method": "upi", "captured": status in ("captured", "refunded"), "amount_refunded": 0, "refund_status": None,
        "fee": 1_888, "tax": 288, "created_at": 1_767_225_600, **fields,
    }  # fmt: skip


def body(event: str, **entities: dict[str, Any]) -> bytes:
    payload = {name: {"entity": value} for name, value in entities.items()}
    return json.dumps({"entity": "event", "event": event, "payload": payload, "created_at": 1_767_225_600}).encode()


def headers(raw: bytes, event_id: str | None = None, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": event_id or new_id()}


def post(client: Any, clinic_id: str, raw: bytes, given: dict[str, str], gateway: str = "razorpay") -> Any:
    """In a context of its own: a request leaves no clinic in scope behind."""
    url = f"/api/payments/{gateway}/webhook?clinicId={clinic_id}"
    return copy_context().run(client.post, url, data=raw, headers=given)


def stored() -> list[WebhookEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.id)))
