"""E-mail through ZeptoMail's HTTP API, and the webhooks that tell of deliveries, bounces and complaints.

There is no idempotency key: after no answer our delivery id (`client_reference`) in a later event tells.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from app.core import clock
from app.core.credentials import CredentialModel, InvalidCredentials, credential
from app.core.http import HttpClient
from app.core.providers import N_, BadSignature, Timeouts
from app.messaging.channels.base import Channel, ChannelCapabilities, OutgoingMessage, SendReceipt, Told, Webhook
from app.messaging.channels.mime import ascii_address, recipient_address
from app.messaging.channels.zeptomail_errors import MANDATORY_MISSING, refusal
from app.messaging.channels.zeptomail_events import check_signature, document_of, event_name, receipts

SCHEME = "Zoho-enczapikey"
LONGEST_SUBJECT = 500
LONGEST_NAME = 250
LONGEST_FILE_NAME = 150
MISSING = "GE_102"


class ZeptoMailCredentials(CredentialModel):
    """A mail agent and its sender."""

    token: SecretStr = credential(N_("Send mail token"), min_length=1, help_text=N_("Of the mail agent."))
    from_address: str = credential(N_("Sender address"), min_length=3)
    from_name: str = credential(N_("Sender name"), default="")
    data_centre: Literal["com", "eu", "in", "com.au", "jp", "ca", "sa"] = credential(
        N_("Data centre"), default="com", help_text=N_("The ending of the address of your ZeptoMail console.")
    )
    webhook_key: SecretStr | None = credential(
        N_("Webhook key"), default=None, help_text=N_("Signs the webhooks. Without it no receipt is believed.")
    )
    webhook_authorization: SecretStr | None = credential(
        N_("Webhook authorization"),
        default=None,
        help_text=N_("Instead of a key: what the webhook's own Authorization header says."),
    )


class ZeptoMail(Channel[ZeptoMailCredentials]):
    """One mail agent."""

    code = "zeptomail"
    label = "ZeptoMail"
    channel = "email"
    Credentials = ZeptoMailCredentials
    default_base_url = "https://api.zeptomail.com"
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(
        attachments=60, attachment_bytes=15 * 1024 * 1024, html=True, receipts=True
    )
    webhook_headers = frozenset({"producer-signature", "content-type"})

    def __init__(
        self, credentials: ZeptoMailCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        own = f"https://api.zeptomail.{credentials.data_centre}"
        super().__init__(credentials, base_url=base_url or own, timeouts=timeouts)
        token = credentials.token.get_secret_value()
        known = token if token.lower().startswith(SCHEME.lower()) else f"{SCHEME} {token}"
        self._http = HttpClient(self.base_url, headers={"Authorization": known}, timeouts=self.timeouts)
        try:
            self._sender = ascii_address(credentials.from_address)
        except ValueError:
            raise InvalidCredentials({"from_address": N_("This is not an e-mail address.")}) from None

    def probe(self) -> str:
        """The vendor has no call for it: with a good token a mail without content is refused for what it lacks."""
        response = self._http.post("/v1.1/email", json={}, harmless=True)
        error = refusal(response, self.safe_text, [])
        if response.ok or error.code not in (MISSING, MANDATORY_MISSING):
            raise error
        return ""

    def send(self, message: OutgoingMessage) -> SendReceipt:
        self.check_attachments(message)
        to = recipient_address(message.to)
        response = self._http.post("/v1.1/email", json=self._body(message, to))
        if not response.ok:
            raise refusal(response, self.safe_text, [message.to, to])
        document = response.json_object()
        request_id = document.get("request_id")
        if not isinstance(request_id, str) or not request_id:
            response.malformed()
        return SendReceipt(request_id, self.safe_text(document.get("message") or ""))

    def check_webhook(self, webhook: Webhook) -> None:
        """By the signature, or by the header that the console was told to send. Raises BadSignature."""
        expected = self.credentials.webhook_authorization
        given = webhook.header("authorization")
        if expected and given:
            if hmac.compare_digest(expected.get_secret_value().encode(), given.encode("utf-8", "replace")):
                return
            raise BadSignature("the authorization is not the account's")
        key = self.credentials.webhook_key
        check_signature(webhook, key.get_secret_value() if key else "", clock.now())

    def read_webhook(self, webhook: Webhook) -> Told:
        return Told(receipts=tuple(receipts(document_of(webhook))))

    def is_greeting(self, webhook: Webhook) -> bool:
        """The console asks for a 200 before it takes the address."""
        return not event_name(document_of(webhook))

    def _body(self, message: OutgoingMessage, to: str) -> dict[str, Any]:
        name = " ".join((message.sender or self.credentials.from_name).split())[:LONGEST_NAME]
        body: dict[str, Any] = {
            "from": {"address": self._sender, "name": name},
            "to": [{"email_address": {"address": to}}],
            "subject": " ".join(message.subject.split())[:LONGEST_SUBJECT],
            "client_reference": message.delivery_id,
            "track_clicks": False,
            "track_opens": False,
            "mime_headers": _headers(message),
        }
        if message.text or not message.html:
            body["textbody"] = message.text
        if message.html:
            body["htmlbody"] = message.html
        if message.attachments:
            body["attachments"] = [
                {
                    "name": item.name[:LONGEST_FILE_NAME],
                    "mime_type": item.mime.partition(";")[0].strip(),
                    "content": b64encode(item.content).decode(),
                }
                for item in message.attachments
            ]
        return body


def _headers(message: OutgoingMessage) -> dict[str, str]:
    headers = {"Auto-Submitted": "auto-generated"}
    if message.unsubscribe_url:
        url = " ".join(message.unsubscribe_url.split())
        headers |= {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers
