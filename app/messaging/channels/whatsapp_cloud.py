"""WhatsApp over Meta's Cloud API: text, a document, or an approved template, and the receipts that come back.

There is no idempotency key: after no answer the delivery id in a later status says that the message did go out.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from app.core.credentials import CredentialModel, credential
from app.core.http import HttpClient, HttpResponse, bearer_auth
from app.core.providers import N_, BadSignature, Outcome, ProviderError, Timeouts, check_hmac_sha256, unix_time
from app.messaging.channels.base import (
    Attachment,
    Channel,
    ChannelCapabilities,
    DeliveryReceipt,
    DeliveryStatus,
    InboundMessage,
    OutgoingMessage,
    RecipientFact,
    SendReceipt,
    Told,
    Webhook,
    reached_by,
    wish_of,
)
from app.messaging.channels.whatsapp_errors import fact_of_code, outcome_of_code, refusal

UPLOAD_SECONDS = 60.0
LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
_NUMBER = re.compile(r"\+?([1-9]\d{6,14})")
_BUSINESS_SCOPED_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
}


class WhatsAppCredentials(CredentialModel):
    """A business number and the app that speaks for it."""

    phone_number_id: str = credential(
        N_("Phone number id"), pattern=r"^\d{1,32}$", help_text=N_("The id of the number, not the number itself.")
    )
    access_token: SecretStr = credential(N_("Access token"), min_length=1, help_text=N_("Of a system user."))
    app_secret: SecretStr | None = credential(
        N_("App secret"), default=None, help_text=N_("Signs the webhooks. Without it no receipt is believed.")
    )
    verify_token: SecretStr | None = credential(
        N_("Verify token"), default=None, help_text=N_("Any text; type the same one where Meta asks for it.")
    )
    api_version: str = credential(N_("API version"), default="v26.0", pattern=r"^v\d{2}\.\d$")


class WhatsAppCloud(Channel[WhatsAppCredentials]):
    """One WhatsApp business number."""

    code = "whatsapp_cloud"
    label = "WhatsApp Cloud API"
    channel = "whatsapp"
    Credentials = WhatsAppCredentials
    default_base_url = "https://graph.facebook.com"
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(
        attachments=1, attachment_bytes=100 * 1024 * 1024, templates=True, receipts=True, window=timedelta(hours=24)
    )

    def __init__(
        self, credentials: WhatsAppCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        auth = bearer_auth(credentials.access_token.get_secret_value())
        self._http = HttpClient(self.base_url, headers=auth, timeouts=self.timeouts)
        self._ids = {"version": credentials.api_version, "number": credentials.phone_number_id}

    def probe(self) -> str:
        """Read the number's own name and quality; sends nothing."""
        query = {"fields": "verified_name,quality_rating,throughput"}
        response = self._http.get("/{version}/{number}", ids=self._ids, query=query)
        return self.safe_text(self._answered(response).get("verified_name") or "")

    def send(self, message: OutgoingMessage) -> SendReceipt:
        """A template where one is named, else a document with the text as caption, else plain text."""
        self.check_attachments(message)
        recipient = _recipient(message.to)
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **recipient,
            **self._content(message),
            "biz_opaque_callback_data": message.delivery_id,
        }
        response = self._http.post("/{version}/{number}/messages", ids=self._ids, json=body)
        document = self._answered(response, [message.to, *recipient.values()])
        sent = document.get("messages")
        first = sent[0] if isinstance(sent, list) and sent and isinstance(sent[0], dict) else {}
        if not isinstance(first.get("id"), str) or not first["id"]:
            response.malformed()
        return SendReceipt(first["id"], self.safe_text(first.get("message_status") or "accepted"))

    webhook_headers = frozenset({"x-hub-signature-256"})

    def check_webhook(self, webhook: Webhook) -> None:
        """Raises BadSignature."""
        given = webhook.header("x-hub-signature-256")
        secret = self.credentials.app_secret
        secrets = [secret.get_secret_value()] if secret else []
        check_hmac_sha256(webhook.raw, given.removeprefix("sha256=") if given.startswith("sha256=") else None, secrets)

    def read_webhook(self, webhook: Webhook) -> Told:
        """Statuses, and what people wrote: it opens the window for free text, and may be a STOP.

        Only of our own number: an app may serve the numbers of several clinics.
        """
        values = [value for value in _values(webhook.raw) if self._is_ours(value)]
        receipts = [_receipt(item) for value in values for item in _objects(value, "statuses")]
        messages = [item for value in values for item in _objects(value, "messages")]
        inbound = [_inbound(message) for message in messages if isinstance(message.get("id"), str)]
        return Told(tuple(receipt for receipt in receipts if receipt), tuple(inbound))

    def fact_of(self, error: ProviderError) -> RecipientFact | None:
        return fact_of_code(error.code) if error.outcome is Outcome.PERMANENT_RECIPIENT else None

    def answer_challenge(self, params: Mapping[str, str]) -> str:
        """The plain-text answer to Meta's GET with `hub.*` parameters. Raises BadSignature (answer 403)."""
        token = self.credentials.verify_token
        expected = token.get_secret_value() if token else ""
        given = params.get("hub.verify_token", "")
        same = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
        if not expected or not same or params.get("hub.mode") != "subscribe":
            raise BadSignature("the verify token is not the account's")
        return params.get("hub.challenge", "")

    def _content(self, message: OutgoingMessage) -> dict[str, Any]:
        if message.template:
            return {"type": "template", "template": self._template(message)}
        if message.attachments:
            document = self._document(message.attachments[0])
            caption = {"caption": _within(message.text, LONGEST_CAPTION)} if message.text else {}
            return {"type": "document", "document": {**document, **caption}}
        return {"type": "text", "text": {"body": _within(message.text, LONGEST_TEXT), "preview_url": False}}

    def _template(self, message: OutgoingMessage) -> dict[str, Any]:
        components: list[dict[str, Any]] = []
        if message.attachments:
            document = {"type": "document", "document": self._document(message.attachments[0])}
            components.append({"type": "header", "parameters": [document]})
        if message.variables:
            parameters = [_parameter(name, value) for name, value in message.variables.items()]
            components.append({"type": "body", "parameters": parameters})
        language = {"code": message.language.replace("-", "_")}
        return {"name": message.template, "language": language, "components": components}

    def _document(self, attachment: Attachment) -> dict[str, str]:
        """Upload the file. Nobody is told of an upload, so no answer means: do it again."""
        response = self._http.post(
            "/{version}/{number}/media",
            ids=self._ids,
            data={"messaging_product": "whatsapp", "type": attachment.mime},
            files={"file": (attachment.name, attachment.content, attachment.mime)},
            harmless=True,
            read_timeout=max(UPLOAD_SECONDS, self.timeouts.read),
        )
        media_id = self._answered(response).get("id")
        if not isinstance(media_id, str):
            response.malformed()
        return {"id": media_id, "filename": attachment.name}

    def _answered(self, response: HttpResponse, hide: list[str] | None = None) -> dict[str, Any]:
        if response.ok:
            return response.json_object()
        raise refusal(response, self.safe_text, hide or [])

    def _is_ours(self, value: dict[str, Any]) -> bool:
        metadata = value.get("metadata")
        number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
        return number == self.credentials.phone_number_id


def _recipient(to: str) -> dict[str, str]:
    """`to` for a number, `recipient` for a business-scoped user id. Raises ProviderError."""
    number = _NUMBER.fullmatch(to.strip())
    if number:
        return {"to": number[1]}
    if _BUSINESS_SCOPED_ID.fullmatch(to.strip()):
        return {"recipient": to.strip()}
    text = "The number is not in international form."
    raise ProviderError(Outcome.PERMANENT_RECIPIENT, "invalid_number", text)


def _within(text: str, longest: int) -> str:
    if 0 < len(text) <= longest:
        return text
    raise ProviderError(Outcome.PERMANENT_MESSAGE, "text_length", f"A text has 1 to {longest} characters here.")


def _parameter(name: str, value: str) -> dict[str, str]:
    """A template takes one line without layout, and no empty value; a name that is a number is a position."""
    parameter = {"type": "text", "text": " ".join(value.split()) or "-"}
    return parameter if name.isdigit() else {**parameter, "parameter_name": name}


def _values(raw: bytes) -> Iterator[dict[str, Any]]:
    """`entry[].changes[].value` of field `messages`; a body of another shape has none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return
    for entry in _objects(document, "entry"):
        for change in _objects(entry, "changes"):
            value = change.get("value")
            if change.get("field") == "messages" and isinstance(value, dict):
                yield value


def _objects(holder: Any, name: str) -> list[dict[str, Any]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _receipt(status: dict[str, Any]) -> DeliveryReceipt | None:
    known = _STATUSES.get(str(status.get("status")))
    if known is None or not isinstance(status.get("id"), str):
        return None
    code = next((error.get("code") for error in _objects(status, "errors")), None)
    outcome = outcome_of_code(code) if isinstance(code, int) else None
    recipient_failed = outcome is Outcome.PERMANENT_RECIPIENT
    return DeliveryReceipt(
        provider_message_id=status["id"],
        status=known,
        at=unix_time(status.get("timestamp")),
        reference=str(status.get("biz_opaque_callback_data") or ""),
        error_code="" if code is None else str(code),
        outcome=outcome,
        fact=fact_of_code(str(code)) if recipient_failed else reached_by(known),
    )


def _inbound(message: dict[str, Any]) -> InboundMessage:
    kind = str(message.get("type") or "")
    content = message.get(kind)
    text = content.get("body") or content.get("text") if isinstance(content, dict) else ""
    number = _NUMBER.fullmatch(str(message.get("from") or ""))
    return InboundMessage(
        message_id=message["id"],
        sender=f"+{number[1]}" if number else str(message.get("from") or message.get("from_user_id") or ""),
        at=unix_time(message.get("timestamp")),
        kind=kind,
        text=str(text or ""),
        fact=wish_of(str(text or "")),
    )
