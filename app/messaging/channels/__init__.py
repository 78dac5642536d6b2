"""The message channels. A new one is its file and its name in `CHANNELS`."""

from __future__ import annotations

from typing import Any

from app.core.providers import provider_with_code
from app.messaging.channels.base import Channel
from app.messaging.channels.fcm import Fcm
from app.messaging.channels.ses import Ses
from app.messaging.channels.smtp import Smtp
from app.messaging.channels.sns_push import SnsPush
from app.messaging.channels.twilio import TwilioSms, TwilioWhatsApp
from app.messaging.channels.whatsapp_cloud import WhatsAppCloud
from app.messaging.channels.zeptomail import ZeptoMail

CHANNELS: tuple[type[Channel[Any]], ...] = (
    ZeptoMail,
    Ses,
    Smtp,
    WhatsAppCloud,
    TwilioWhatsApp,
    TwilioSms,
    Fcm,
    SnsPush,
)


def channel_with_code(code: str) -> type[Channel[Any]]:
    """The adapter of that code. Raises UnknownProvider."""
    return provider_with_code(CHANNELS, code)
