"""The outbox with its attempts, and what decides whether and how a message leaves."""

from app.messaging.models.outbox import URGENCY, Channel, Message, MessageAttempt, MessageStatus
from app.messaging.models.receipts import DevicePlatform, DeviceToken, NoticeStatus, ProviderNotice, TokenKind
from app.messaging.models.rules import CommunicationRules, MessagePreference, MessageSpend
from app.messaging.models.suppression import SuppressedAddress, SuppressionReason
from app.messaging.models.wording import ClinicTemplate

__all__ = [
    "URGENCY",
    "Channel",
    "ClinicTemplate",
    "CommunicationRules",
    "DevicePlatform",
    "DeviceToken",
    "Message",
    "MessageAttempt",
    "MessagePreference",
    "MessageSpend",
    "MessageStatus",
    "NoticeStatus",
    "ProviderNotice",
    "SuppressedAddress",
    "SuppressionReason",
    "TokenKind",
]
