"""What gateways and returning apps call."""

from __future__ import annotations

from typing import Any

from flask import request

from app.core.api import Api, Body, endpoint, read_raw
from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.tenant import current_clinic_id
from app.core.transaction import unit_of_work
from app.payments import services
from app.payments.api.shapes import show_payment
from app.payments.queries import get_payment
from app.payments.services.webhooks import BODY_LIMIT


class CallbackBody(Body):
    payment_id: str
    order_id: str | None = None
    provider: str | None = None


class PaymentCallbackApi(Api):
    """The way back of an app that paid."""

    openapi_tag = "Payments"

    @endpoint("POST", "/billing/payments/callback", body=CallbackBody, steps=True)
    def callback(self, body: CallbackBody) -> dict[str, Any]:
        """Ask the gateway how a payment stands."""
        return _asked(body)


class PaymentHookApi(Api):
    """What gateways and returning apps call; outside /api/v1, as their addresses are fixed."""

    route_base = "/api/payments"
    openapi_tag = "Payments"

    @endpoint("POST", "/callback", query=CallbackBody, steps=True)
    def callback(self, query: CallbackBody) -> dict[str, Any]:
        """Ask the gateway how a payment stands."""
        if request.args.get("clinicId", current_clinic_id()) != current_clinic_id():
            raise NotFound
        return _asked(query)

    @endpoint("POST", "/<gateway>/webhook", public=True, steps=True)
    def webhook(self, gateway: str) -> dict[str, Any]:
        """Take a gateway's webhook: verified over its raw bytes, stored, processed by a worker."""
        clinic_id = request.args.get("clinicId", "")
        if not is_id(clinic_id):
            raise NotFound
        raw = read_raw(BODY_LIMIT)
        services.receive_webhook(gateway, clinic_id, raw, dict(request.headers), address=request.remote_addr)
        return {"received": True}


def _asked(query: CallbackBody) -> dict[str, Any]:
    """The named order and provider must be the payment's: they are only there to be checked."""
    if not is_id(query.payment_id):
        raise NotFound
    with unit_of_work():
        payment = get_payment(query.payment_id)
        if query.order_id not in (None, payment.order_id) or query.provider not in (None, payment.provider):
            raise NotFound
    services.ask_gateway(query.payment_id)
    return show_payment(get_payment(query.payment_id))
