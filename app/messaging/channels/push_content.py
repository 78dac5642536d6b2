"""What a push message may say: a short title and text, and ids that the app fetches the rest by."""

from __future__ import annotations

import json
from typing import Any

from app.core.providers import Outcome, ProviderError
from app.messaging.channels.base import OutgoingMessage

MOST_BYTES = 4096  # of the whole message, at Google and at Apple


def checked(message: dict[str, Any]) -> dict[str, Any]:
    """The message, unless it is too large. Raises ProviderError."""
    if len(json.dumps(message, ensure_ascii=False).encode()) > MOST_BYTES:
        text = f"A push message has at most {MOST_BYTES} bytes."
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "message_too_large", text)
    return message


def fcm_content(message: OutgoingMessage) -> dict[str, Any]:
    """Without its target. `deliveryId` lets the app say which message it shows."""
    title = message.subject or message.sender
    notification = {name: text for name, text in (("title", title), ("body", message.text)) if text}
    return {"notification": notification, "data": {"deliveryId": message.delivery_id}}


def apns_content(message: OutgoingMessage) -> dict[str, Any]:
    title = message.subject or message.sender
    alert = {name: text for name, text in (("title", title), ("body", message.text)) if text}
    return {"aps": {"alert": alert, "sound": "default"}, "deliveryId": message.delivery_id}
