"""Events of messages. They name the channel and the message, never the person's address."""

from __future__ import annotations

from app.events.base import Category, Event, Priority


class NotificationSent(Event):
    type = "notification.sent"
    category = Category.COMMUNICATION
    subject = "message_id"
    message_id: str
    channel: str
    template: str


class NotificationFailed(Event):
    type = "notification.failed"
    category = Category.COMMUNICATION
    subject = "message_id"
    message_id: str
    channel: str
    template: str
    reason: str


class NoticeRefused(Event):
    """Somebody posted a message provider's webhook whose signature does not hold. Nothing of it was stored.

    `count`: how many came from there in this minute so far; not every one of many has an event of its own.
    """

    type = "notification.webhook.refused"
    category = Category.SECURITY
    priority = Priority.HIGH
    provider: str
    address: str | None
    size: int
    count: int = 1
