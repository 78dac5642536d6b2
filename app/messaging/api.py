"""Delivery receipts from providers, and a person's own notifications."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from sqlalchemy import select

from app.core import rate_limit
from app.core.api import Api, Body, ListQuery, endpoint, read_raw, reply
from app.core.errors import Invalid, NotFound, Unauthorized
from app.core.ids import is_id
from app.core.paging import page
from app.core.principal import current_principal
from app.core.providers import BadSignature, UnknownProvider
from app.core.tenant import all_tenants, db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS, channel_with_code
from app.messaging.models import Channel, Message
from app.messaging.services import apply_receipt, mark_read
from app.tenancy.channel_config import ChannelBody, channel_config, save_channel_config
from app.tenancy.models import Clinic
from app.tenancy.providers import known_accounts

BODY_LIMIT = 3 * 1024 * 1024
RECEIPTS_PER_MINUTE = 6000
CONFIG = "/clinics/<id:clinic_id>/communication/config"


class ReceiptApi(Api):
    """What providers tell us about our messages. Signed, hence without a log-in."""

    route_base = "/api/messaging"
    openapi_tag = "Webhooks"

    @endpoint("GET", "/<provider>/webhook", public=True)
    def challenge(self, provider: str) -> Response:
        """Prove to a provider that this address is ours."""
        with tenant_scope(_clinic_id()):
            for channel in _channels(provider):
                try:
                    return Response(channel.answer_challenge(request.args), mimetype="text/plain")
                except BadSignature:
                    continue
        raise Unauthorized(code="BAD_SIGNATURE")

    @endpoint("POST", "/<provider>/webhook", public=True, steps=True)
    def receive(self, provider: str) -> Response:
        """Take delivery receipts."""
        clinic_id = _clinic_id()
        rate_limit.hit("receipts", clinic_id, RECEIPTS_PER_MINUTE)
        raw = read_raw(BODY_LIMIT)
        with tenant_scope(clinic_id):
            receipts = _verified(provider, raw)
            with unit_of_work():
                known = sum(apply_receipt(receipt) for receipt in receipts)
        return reply({"known": known})


def _clinic_id() -> str:
    clinic_id = request.args.get("clinicId", "")
    if is_id(clinic_id):
        with all_tenants():
            if db.session.get(Clinic, clinic_id) is not None:
                return clinic_id
    raise NotFound


def _channels(provider: str) -> list[Any]:
    try:
        adapter = channel_with_code(provider)
    except UnknownProvider:
        raise NotFound from None
    accounts = known_accounts(adapter.channel, provider)
    return [adapter.open(account.credentials, base_url=account.base_url) for account in accounts]


def _verified(provider: str, raw: bytes) -> list[Any]:
    for channel in _channels(provider):
        try:
            return list(channel.verify_receipt(raw, request.headers))
        except BadSignature:
            continue
    raise Unauthorized(_("The signature is not valid."), code="BAD_SIGNATURE")


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


class NotificationApi(Api):
    """My in-app notifications."""

    openapi_tag = "Notifications"

    @endpoint("GET", "/notifications", resource="notification", action="read", query=ListQuery)
    def notifications(self, query: ListQuery) -> dict[str, Any]:
        """My notifications, newest first."""
        mine = select(Message.id, Message.subject, Message.body, Message.created_at, Message.read_at).where(
            Message.channel == Channel.IN_APP, Message.recipient == current_principal().user_id
        )
        return page(mine, [Message.created_at, Message.id], query, _show, descending=True)

    @endpoint("POST", "/notifications/<id:message_id>/read", resource="notification", action="update")
    def read(self, message_id: str) -> dict[str, Any]:
        """Mark one as read."""
        message = db.session.get(Message, message_id)
        if message is None or message.channel != Channel.IN_APP or message.recipient != current_principal().user_id:
            raise NotFound
        mark_read(message)
        return _show(message)


def _show(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "title": message.subject,
        "text": message.body,
        "createdAt": message.created_at.isoformat(),
        "readAt": message.read_at.isoformat() if message.read_at else None,
    }
