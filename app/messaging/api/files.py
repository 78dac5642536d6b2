"""Attachments for providers that fetch files themselves."""

from __future__ import annotations

from flask import Response

from app.core import rate_limit
from app.core.api import Api, endpoint
from app.core.tenant import tenant_scope
from app.messaging.files import file_with_id, read_link

FETCHES_PER_MINUTE = 600


class MessageFileApi(Api):
    """Links that open one file for a day; only a provider gets one. Hence without a log-in."""

    route_base = "/api/messaging"
    openapi_tag = "Webhooks"

    @endpoint("GET", "/files/<token>", public=True)
    def fetch(self, token: str) -> Response:
        """A file of a message, for the provider that was given the link."""
        clinic_id, file_id = read_link(token)
        rate_limit.hit("message-files", clinic_id, FETCHES_PER_MINUTE)
        with tenant_scope(clinic_id):
            found = file_with_id(file_id)
            answer = Response(bytes(found.content), mimetype=found.mime_type)
            answer.headers.set("Content-Disposition", "attachment", filename=found.name)
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
