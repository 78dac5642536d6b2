"""ZeptoMail's webhooks: two encodings, containers that may be an object or a list, and a signature over the event."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, unquote_plus

from app.core.providers import BadSignature, Outcome
from app.messaging.channels.base import DeliveryReceipt, DeliveryStatus, RecipientFact, Webhook

OLDEST = timedelta(hours=24, minutes=5)  # repeats of a webhook keep its time
AHEAD = timedelta(minutes=5)
_LETTERS = re.compile(r"[^a-z]")
# Event names, lower case, letters only: status, what a failed send would have been, fact about the recipient.
_EVENTS: dict[str, tuple[DeliveryStatus | None, Outcome | None, RecipientFact | None]] = {
    "delivered": (DeliveryStatus.DELIVERED, None, RecipientFact.REACHED),
    "emailopen": (DeliveryStatus.READ, None, RecipientFact.REACHED),
    "emaillinkclick": (DeliveryStatus.READ, None, RecipientFact.REACHED),
    "hardbounce": (DeliveryStatus.FAILED, Outcome.PERMANENT_RECIPIENT, RecipientFact.BOUNCED),
    "softbounce": (DeliveryStatus.FAILED, Outcome.RETRY, RecipientFact.UNREACHABLE),
    "feedbackloop": (None, None, RecipientFact.COMPLAINED),
}


def event_text(webhook: Webhook) -> bytes:
    """The event's JSON as it was signed: the body, or the value of the only field of a form."""
    if webhook.header("content-type").lower().startswith("application/x-www-form-urlencoded"):
        value = webhook.raw.partition(b"=")[2].decode("latin-1")
        return unquote_plus(value, "utf-8").encode()
    return webhook.raw


def check_signature(webhook: Webhook, key: str, now: datetime) -> None:
    """HMAC-SHA256 over the event text; the time is not part of it but must be a recent one. Raises BadSignature."""
    parts = dict(part.strip().partition("=")[::2] for part in webhook.header("producer-signature").split(";"))
    made = hmac.new(key.encode(), event_text(webhook), "sha256").digest()
    if not key or not hmac.compare_digest(made, _given(parts.get("s", ""))):
        raise BadSignature("the webhook key did not make this signature")
    if "ts" in parts:
        _check_time(parts["ts"], now)


def _given(text: str) -> bytes:
    try:
        return b64decode(unquote(text), validate=True)
    except ValueError:
        return b""


def _check_time(text: str, now: datetime) -> None:
    try:
        sent = datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSignature("the time of the webhook is none") from None
    if not now - OLDEST <= sent <= now + AHEAD:
        raise BadSignature("the webhook is too old, or of the future")


def signature(key: str, text: bytes) -> str:
    """What the vendor would put into `s`, before it is percent-encoded."""
    return b64encode(hmac.new(key.encode(), text, "sha256").digest()).decode()


def document_of(webhook: Webhook) -> dict[str, Any]:
    """The event; an empty one for a body of another shape."""
    try:
        document = json.loads(event_text(webhook))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def event_name(document: dict[str, Any]) -> str:
    name = document.get("event_name")
    first = name[0] if isinstance(name, list) and name else name
    return _LETTERS.sub("", str(first or "").lower())


def receipts(document: dict[str, Any]) -> Iterator[DeliveryReceipt]:
    """One receipt per mail that the event names."""
    known = _EVENTS.get(event_name(document))
    if known is None:
        return
    status, outcome, fact = known
    for message in _objects(document.get("event_message")):
        info = next(_objects(message.get("email_info")), {})
        details = next((item for data in _objects(message.get("event_data")) for item in _details(data)), {})
        yield DeliveryReceipt(
            provider_message_id=str(message.get("request_id") or info.get("email_reference") or ""),
            status=status,
            at=_time(details.get("time") or info.get("processed_time")),
            reference=str(info.get("client_reference") or ""),
            error_code=str(details.get("reason") or "")[:60] if outcome else "",
            outcome=outcome,
            fact=fact,
        )


def _details(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _objects(data.get("details"))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every container may be an object or a list of objects."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None
