"""Delivery receipts from providers."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.core import rate_limit
from app.core.api import Api, endpoint, read_raw, reply
from app.core.errors import NotFound, Unauthorized
from app.core.ids import is_id
from app.core.providers import BadSignature, UnknownProvider
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import channel_with_code
from app.messaging.services import apply_receipt
from app.tenancy.models import Clinic
from app.tenancy.providers import known_accounts

BODY_LIMIT = 3 * 1024 * 1024
RECEIPTS_PER_MINUTE = 6000


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
