"""The message channels. A new one is its file and its name in `CHANNELS`."""

from __future__ import annotations

from typing import Any

from app.core.providers import provider_with_code
from app.messaging.channels.base import Channel
from app.messaging.channels.smtp import Smtp
from app.messaging.channels.whatsapp_cloud import WhatsAppCloud

CHANNELS: tuple[type[Channel[Any]], ...] = (Smtp, WhatsAppCloud)


def channel_with_code(code: str) -> type[Channel[Any]]:
    """The adapter of that code. Raises UnknownProvider."""
    return provider_with_code(CHANNELS, code)
