"""The outbox with its attempts, and what decides whether and how a message leaves."""

from app.messaging.models.outbox import Channel, Message, MessageAttempt, MessageStatus
from app.messaging.models.suppression import SuppressedAddress, SuppressionReason

__all__ = [
    "Channel",
    "Message",
    "MessageAttempt",
    "MessageStatus",
    "SuppressedAddress",
    "SuppressionReason",
]
