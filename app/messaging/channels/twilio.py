"""SMS and WhatsApp through Twilio, with the SDK; receipts and answers come as signed forms.

There is no idempotency key: our delivery id is in the callback's address, so a later status says that the message did
go out.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from app.core.credentials import credential
from app.core.providers import MALFORMED, N_, Outcome, ProviderError, Timeouts
from app.messaging.channels.base import (
    Channel,
    ChannelCapabilities,
    OutgoingMessage,
    RecipientFact,
    SendReceipt,
    Told,
    Webhook,
)
from app.messaging.channels.twilio_client import TwilioCaller, TwilioCredentials
from app.messaging.channels.twilio_errors import fact_of_code
from app.messaging.channels.twilio_webhooks import SETTINGS, SIGNATURE, check_signature, told, with_delivery

LONGEST_TEXT = 1600
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_CONTENT = re.compile(r"HX[0-9a-fA-F]{32}")

T = TypeVar("T", bound=TwilioCredentials)


class TwilioChannel(Channel[T]):
    """What both channels share."""

    default_base_url = "https://api.twilio.com"
    webhook_headers = frozenset({SIGNATURE, SETTINGS, "content-type"})
    webhook_answer = ("<Response/>", "text/xml")  # no answer to the person

    def __init__(self, credentials: T, *, base_url: str | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__(credentials, base_url=base_url, timeouts=timeouts)
        self._twilio = TwilioCaller(credentials, self.base_url, self.timeouts, self.safe_text)

    def probe(self) -> str:
        """Read the account; sends nothing."""
        account = self._twilio.account()
        if account.get("status") != "active":
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "inactive_account", "The account is not active.")
        return self.safe_text(account.get("friendly_name") or "")

    def send(self, message: OutgoingMessage) -> SendReceipt:
        self.check_attachments(message)
        to = _number(message.to)
        fields = {"to": self._address(to), **self._sender(), **self._content(message)}
        if message.receipt_url:
            fields["status_callback"] = with_delivery(message.receipt_url, message.delivery_id)
        sent = self._twilio.send([message.to, to], **fields)
        if not sent.sid:
            raise ProviderError(Outcome.UNKNOWN, MALFORMED, "The answer names no message.")
        return SendReceipt(str(sent.sid), self.safe_text(sent.status or "accepted"))

    def check_webhook(self, webhook: Webhook) -> None:
        shared = self.credentials.webhook_shared_secret
        token = self.credentials.auth_token.get_secret_value()
        check_signature(webhook, token, shared.get_secret_value() if shared else "")

    def read_webhook(self, webhook: Webhook) -> Told:
        return told(webhook, self.credentials.account_sid)

    def fact_of(self, error: ProviderError) -> RecipientFact | None:
        if error.code.isdigit():
            return fact_of_code(int(error.code))
        return super().fact_of(error)

    def _sender(self) -> dict[str, str]:
        if self.credentials.messaging_service_sid:
            return {"messaging_service_sid": self.credentials.messaging_service_sid}
        if not self._from():
            text = "The account names neither a sender nor a messaging service."
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "no_sender", text)
        return {"from_": self._address(self._from())}

    @abstractmethod
    def _from(self) -> str:
        """Our own number or name."""

    @abstractmethod
    def _address(self, number: str) -> str:
        """A number as this channel writes it."""

    @abstractmethod
    def _content(self, message: OutgoingMessage) -> dict[str, Any]:
        """What the message says, in Twilio's fields. Raises ProviderError."""


class TwilioSmsCredentials(TwilioCredentials):
    """The number or registered name that SMS come from."""

    sender: str = credential(
        N_("Sender"),
        default="",
        pattern=r"^(\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11})?$",
        help_text=N_("+14155550100, or a name."),
    )


class TwilioSms(TwilioChannel[TwilioSmsCredentials]):
    """SMS. A long text goes out in parts, each of which costs."""

    code = "twilio_sms"
    label = "Twilio SMS"
    channel = "sms"
    Credentials = TwilioSmsCredentials
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(receipts=True)

    def _from(self) -> str:
        return self.credentials.sender

    def _address(self, number: str) -> str:
        return number

    def _content(self, message: OutgoingMessage) -> dict[str, Any]:
        return {"body": _within(message.text)}


class TwilioWhatsAppCredentials(TwilioCredentials):
    """The WhatsApp number, and the content templates that WhatsApp approved."""

    sender: str = credential(N_("WhatsApp number"), default="", pattern=r"^(\+[1-9]\d{6,14})?$")
    content_sids: str = credential(
        N_("Content templates"),
        default="",
        pattern=r"^(\s*\w+[ \t]+([A-Za-z_-]{2,10}[ \t]+)?HX[0-9a-fA-F]{32}\s*)*$",
        multiline=True,
        help_text=N_("One per line: the message's name, its language if there are several, and the content SID."),
    )

    def content_sid(self, template: str, language: str) -> str | None:
        """The SID of a template in a language, else in whichever there is."""
        if _CONTENT.fullmatch(template):
            return template
        known = dict(self._known())
        return known.get((template, language)) or known.get((template, ""))

    def _known(self) -> Iterator[tuple[tuple[str, str], str]]:
        for line in self.content_sids.splitlines():
            if words := line.split():
                yield (words[0], words[1] if len(words) > 2 else ""), words[-1]


class TwilioWhatsApp(TwilioChannel[TwilioWhatsAppCredentials]):
    """WhatsApp. Files go by link: Twilio fetches them."""

    code = "twilio_whatsapp"
    label = "Twilio WhatsApp"
    channel = "whatsapp"
    Credentials = TwilioWhatsAppCredentials
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(
        attachments=1,
        attachment_bytes=16 * 1024 * 1024,
        templates=True,
        receipts=True,
        window=timedelta(hours=24),
        files_by_link=True,
    )

    def _from(self) -> str:
        return self.credentials.sender

    def _address(self, number: str) -> str:
        return f"whatsapp:{number}"

    def _content(self, message: OutgoingMessage) -> dict[str, Any]:
        """A template where one is named; it brings its own file, if any. Else a file with its text, else the text."""
        if message.template:
            return self._template(message)
        if message.attachments:
            body = {"body": _within(message.text)} if message.text else {}
            return {**body, "media_url": [message.attachments[0].url]}
        return {"body": _within(message.text)}

    def _template(self, message: OutgoingMessage) -> dict[str, Any]:
        sid = self.credentials.content_sid(message.template, message.language)
        if sid is None:
            text = "The account names no content template for this message."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "unknown_template", text)
        variables = {name: " ".join(value.split()) or "-" for name, value in message.variables.items()}
        if message.attachments:
            variables["file"] = message.attachments[0].url
        return {"content_sid": sid, "content_variables": json.dumps(variables)}


def _number(to: str) -> str:
    """Raises ProviderError."""
    number = to.strip()
    if _NUMBER.fullmatch(number):
        return number
    text = "The number is not in international form."
    raise ProviderError(Outcome.PERMANENT_RECIPIENT, "invalid_number", text)


def _within(text: str) -> str:
    if 0 < len(text) <= LONGEST_TEXT:
        return text
    raise ProviderError(Outcome.PERMANENT_MESSAGE, "text_length", f"A text has 1 to {LONGEST_TEXT} characters here.")
