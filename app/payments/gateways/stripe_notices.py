"""Stripe's events read as notices. Which object an event is about follows from its type; act on the object alone.

Events come in any order and more than once. What other software does at the same account is not ours: an intent or a
session without our reference is set aside. `charge.*` events repeat what the intent's tell, but for refunds and lapsed
reservations, where they are the reason to ask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

from app.core.money import Money
from app.core.providers import unix_time
from app.payments.gateways.base import GatewayNotice, GatewayPayment, NoticeKind, PaymentState
from app.payments.gateways.stripe_wire import REFERENCE, Session, ToMoney, read_dispute, read_payment, read_refund

T = TypeVar("T")
_ASK_ABOUT_CHARGE = frozenset({"charge.refunded", "charge.expired"})
_REFUND_BY_CHARGE = "charge.refund.updated"


def read_notice(raw: bytes, money: ToMoney) -> GatewayNotice:
    """The notice in a verified body, whatever it holds."""
    event = _json_object(raw)
    name, data = str(event.get("type") or ""), event.get("data")
    entity = data.get("object") if isinstance(data, dict) else None
    entity = entity if isinstance(entity, dict) else {}
    event_id = event.get("id")
    kind = _kind(name, entity)
    session = kind is NoticeKind.PAYMENT and name.startswith("checkout.session.")
    return GatewayNotice(
        event_id=event_id if isinstance(event_id, str) and event_id else f"sha256:{hashlib.sha256(raw).hexdigest()}",
        event=name,
        kind=kind,
        occurred_at=unix_time(event.get("created")),
        order_id=_id(entity.get("id")) if session else None,
        payment_id=_id(entity.get("id")) if name.startswith("payment_intent.") else _id(entity.get("payment_intent")),
        payment=_payment(name, entity, money) if kind is NoticeKind.PAYMENT else None,
        refund=_refund(entity, money) if kind is NoticeKind.REFUND else None,
        dispute=_understood(lambda: read_dispute(entity, money)) if kind is NoticeKind.DISPUTE else None,
        refund_id=_id(entity.get("id")) if kind is NoticeKind.REFUND else None,
        reference="" if kind is NoticeKind.REFUND else _reference(entity),
    )


def _kind(name: str, entity: dict[str, Any]) -> NoticeKind:
    if name.startswith("charge.dispute."):
        return NoticeKind.DISPUTE
    if name.startswith("refund.") or name == _REFUND_BY_CHARGE:
        return NoticeKind.REFUND
    if name.startswith("payout."):
        return NoticeKind.SETTLEMENT
    about_payment = name.startswith(("payment_intent.", "checkout.session.")) or name in _ASK_ABOUT_CHARGE
    return NoticeKind.PAYMENT if about_payment and _reference(entity) else NoticeKind.OTHER


def _payment(name: str, entity: dict[str, Any], money: ToMoney) -> GatewayPayment | None:
    """The intent as it was; of a paid session, the payment that it proves; of anything else nothing: ask."""
    if name.startswith("payment_intent."):
        return _understood(lambda: read_payment(entity, money))
    if name.startswith("checkout.session."):
        return _understood(lambda: _paid_by_session(entity, money))
    return None


def _paid_by_session(entity: dict[str, Any], money: ToMoney) -> GatewayPayment | None:
    """`completed` alone is no payment: with a delayed method or a reservation the session is unpaid."""
    session = Session.model_validate(entity)
    intent = session.payment_intent
    if session.payment_status != "paid" or not isinstance(intent, str) or session.amount_total is None:
        return None
    amount = money(session.amount_total, session.currency or "")
    nothing = Money.zero(amount.currency)
    return GatewayPayment(
        payment_id=intent,
        order_id=session.id,
        state=PaymentState.CAPTURED,
        amount=amount,
        authorized=amount,
        captured=amount,
        refunded=nothing,
        voided=nothing,
    )


def _refund(entity: dict[str, Any], money: ToMoney) -> Any:
    """Without our reference it may be what Stripe calls the release of a reservation that was taken in part: ask."""
    return _understood(lambda: read_refund(entity, money)) if _reference(entity) else None


def _reference(entity: dict[str, Any]) -> str:
    metadata = entity.get("metadata")
    value = metadata.get(REFERENCE) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""


def _understood(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except ValueError:
        return None


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _id(value: Any) -> str | None:
    """An id, or the id of an expanded entity."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and found else None
