"""Events of messages. They name the channel and the message, never the person's address."""

from __future__ import annotations

from app.events.base import Category, Event


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
