"""What SES tells through SNS: feedback notifications (`notificationType`) and published events (`eventType`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.core.providers import Outcome
from app.messaging.channels.base import DeliveryReceipt, DeliveryStatus, RecipientFact

DELIVERY_TAG = "delivery"
NOT_SPAM = "not-spam"
_PLAIN = {
    "send": DeliveryStatus.SENT,
    "delivery": DeliveryStatus.DELIVERED,
    "open": DeliveryStatus.READ,
    "click": DeliveryStatus.READ,
}
_FAILED = {"reject", "rendering failure"}


def receipt_of(event: dict[str, Any]) -> DeliveryReceipt | None:
    """The receipt in an event; None for one that says nothing about a mail's way (a delay, a subscription)."""
    mail = event.get("mail")
    kind = str(event.get("eventType") or event.get("notificationType") or "").lower()
    if not isinstance(mail, dict):
        return None
    about = DeliveryReceipt(str(mail.get("messageId") or ""), None, None, reference=_reference(mail))
    if kind == "bounce":
        return _bounce(_part(event, "bounce"), about)
    if kind == "complaint":
        return _complaint(_part(event, "complaint"), about)
    if kind in _FAILED:
        return replace(about, status=DeliveryStatus.FAILED, error_code=kind, outcome=Outcome.PERMANENT_MESSAGE)
    status = _PLAIN.get(kind)
    if status is None:
        return None
    at = _time(_part(event, kind).get("timestamp"))
    fact = None if status is DeliveryStatus.SENT else RecipientFact.REACHED
    return replace(about, status=status, at=at, fact=fact)


def _bounce(bounce: dict[str, Any], about: DeliveryReceipt) -> DeliveryReceipt:
    """Permanent is for good; a full mailbox, a large mail and what nobody knows only count."""
    permanent = bounce.get("bounceType") == "Permanent"
    return replace(
        about,
        status=DeliveryStatus.FAILED,
        at=_time(bounce.get("timestamp")),
        error_code=_bounce_code(bounce),
        outcome=Outcome.PERMANENT_RECIPIENT if permanent else Outcome.RETRY,
        fact=RecipientFact.BOUNCED if permanent else RecipientFact.UNREACHABLE,
    )


def _bounce_code(bounce: dict[str, Any]) -> str:
    """The mail server's own status where it is told ("5.1.1"), else SES's sub type."""
    statuses = (item.get("status") for item in _objects(bounce.get("bouncedRecipients")))
    return str(next((status for status in statuses if status), bounce.get("bounceSubType") or "bounce"))[:60]


def _complaint(complaint: dict[str, Any], about: DeliveryReceipt) -> DeliveryReceipt | None:
    """A complaint says nothing about the way of the mail; "not spam" takes none back and makes none."""
    if complaint.get("complaintFeedbackType") == NOT_SPAM:
        return None
    at = _time(complaint.get("timestamp"))
    return replace(about, at=at, fact=RecipientFact.COMPLAINED)


def _reference(mail: dict[str, Any]) -> str:
    tags = mail.get("tags")
    values = tags.get(DELIVERY_TAG) if isinstance(tags, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None
