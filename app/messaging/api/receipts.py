"""What message providers tell."""

from __future__ import annotations

from flask import Response, request

from app.core import rate_limit
from app.core.api import Api, endpoint, read_raw
from app.core.errors import NotFound
from app.messaging.channels.base import Webhook
from app.messaging.receipts import answer_challenge, receive_notice
from config import get_settings

BODY_LIMIT = 3 * 1024 * 1024
RECEIPTS_PER_MINUTE = 6000


class ReceiptApi(Api):
    """What providers tell us about our messages. Signed, hence without a log-in."""

    route_base = "/api/messaging"
    openapi_tag = "Webhooks"

    @endpoint("GET", "/<provider>/webhook", public=True, steps=True)
    def challenge(self, provider: str) -> Response:
        """Prove to a provider that this address is ours."""
        return Response(answer_challenge(provider, _clinic_id(), request.args), mimetype="text/plain")

    @endpoint("POST", "/<provider>/webhook", public=True, steps=True)
    def receive(self, provider: str) -> Response:
        """Take delivery receipts, bounces, complaints and answers: verified, stored, processed by a worker.

        `clinicId` names the clinic whose account it is; without one it is for the global account.
        """
        clinic_id = _clinic_id()
        rate_limit.hit("receipts", clinic_id or "global", RECEIPTS_PER_MINUTE)
        # The address as the provider was given it: signatures may cover it, and a proxy may have changed the rest.
        query = request.query_string.decode("latin-1")
        url = get_settings().base_url + request.path + (f"?{query}" if query else "")
        webhook = Webhook(read_raw(BODY_LIMIT), dict(request.headers), url)
        answer = receive_notice(provider, clinic_id, webhook, address=request.remote_addr)
        return Response(answer.body, mimetype=answer.mimetype)


def _clinic_id() -> str:
    """Empty for a global account; a clinic that is named must exist."""
    if "clinicId" not in request.args:
        return ""
    clinic_id = request.args["clinicId"]
    if not clinic_id:
        raise NotFound
    return clinic_id
