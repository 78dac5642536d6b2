"""A clinic's accounts at message providers."""

from __future__ import annotations

from typing import Any

from app.core.api import Api, Body, endpoint
from app.core.errors import Invalid, NotFound
from app.core.tenant import require_clinic
from app.messaging.channels import CHANNELS
from app.tenancy.channel_config import ChannelBody, channel_config, save_channel_config

CONFIG = "/clinics/<id:clinic_id>/communication/config"


class CommunicationConfig(Body):
    """Channels that are left out stay as they are."""

    email: ChannelBody | None = None
    sms: ChannelBody | None = None
    whatsapp: ChannelBody | None = None
    push: ChannelBody | None = None


class CommunicationConfigApi(Api):
    """Accounts at message providers, the primary of each channel first."""

    openapi_tag = "Message accounts"

    @endpoint("GET", CONFIG, resource="provider_account", action="read")
    def config(self, clinic_id: str) -> dict[str, Any]:
        """The clinic's message accounts by channel, secrets masked."""
        _require_active(clinic_id)
        return _config()

    @endpoint("PUT", CONFIG, resource="provider_account", action="update", body=CommunicationConfig)
    def change(self, clinic_id: str, body: CommunicationConfig) -> dict[str, Any]:
        """Set the primary account and the fallbacks of channels; a masked secret keeps its value."""
        _require_active(clinic_id)
        for channel in body.model_fields_set:
            wanted = getattr(body, channel)
            if wanted is not None:
                _save_channel(channel, wanted)
        return _config()


def _require_active(clinic_id: str) -> None:
    if clinic_id != require_clinic():
        raise NotFound


def _config() -> dict[str, Any]:
    return {channel: channel_config(channel, CHANNELS) for channel in CommunicationConfig.model_fields}


def _save_channel(channel: str, wanted: ChannelBody) -> None:
    try:
        save_channel_config(channel, wanted, CHANNELS)
    except Invalid as error:
        fields = {f"{channel}.{name}": str(text) for name, text in (error.fields or {}).items()}
        raise Invalid(error.message, fields=fields) from None
