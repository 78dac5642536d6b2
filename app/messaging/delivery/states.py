"""The ends that a message comes to, each with the event that tells of it: callers publish those of a batch together."""

from __future__ import annotations

from app.core import clock, metrics
from app.core.transaction import after_commit
from app.events.base import Event
from app.messaging.events import NotificationFailed, NotificationSent
from app.messaging.models import Message, MessageStatus

GIVEN_UP = metrics.Counter(
    "clinic_messages_given_up", "Messages that wait for a person, by channel and status", ["channel", "status"]
)


def sent(message: Message) -> Event:
    message.become(MessageStatus.SENT)
    message.sent_at = clock.now()
    message.reason = ""
    return NotificationSent(message_id=message.id, channel=message.channel, template=message.template)


def give_up(message: Message, status: MessageStatus, reason: str) -> Event:
    message.become(status)
    message.reason = reason[:300]
    channel = str(message.channel)
    after_commit(lambda: GIVEN_UP.inc(channel=channel, status=str(status)))
    return NotificationFailed(message_id=message.id, channel=message.channel, template=message.template, reason=status)
