"""E-mail through Amazon SES (API version 2), and what it tells through an SNS topic.

There is no idempotency key: our delivery id goes along as a tag, and an event with it says that the mail did go out.
"""

from __future__ import annotations

import re
from email.header import Header
from typing import Any, ClassVar

from app.core import clock
from app.core.credentials import InvalidCredentials, credential
from app.core.providers import MALFORMED, N_, Outcome, ProviderError, Timeouts
from app.messaging.channels.aws_client import AwsCaller, AwsCredentials, AwsRefusal
from app.messaging.channels.aws_probe import read_json
from app.messaging.channels.base import Channel, ChannelCapabilities, OutgoingMessage, SendReceipt, Told, Webhook
from app.messaging.channels.mime import ascii_address, recipient_address
from app.messaging.channels.ses_events import DELIVERY_TAG, receipt_of
from app.messaging.channels.sns_envelope import (
    CONFIRMATION,
    NOTIFICATION,
    Envelope,
    Trust,
    check_envelope,
    confirm_subscription,
    is_certificate,
)

ACCOUNT = "/v2/email/account"
DAILY_QUOTA = "daily message quota exceeded"
NOT_VERIFIED = "not verified"
# RFC 5322 names in quotation marks; what would end the quotation is left out.
_UNQUOTABLE = re.compile(r"[\"\\\r\n]")
_TAG_VALUE = re.compile(r"[^A-Za-z0-9_-]")

_CODES = {
    "LimitExceededException": Outcome.RETRY_LATER,
    "AccountSuspendedException": Outcome.PERMANENT_ACCOUNT,
    "SendingPausedException": Outcome.PERMANENT_ACCOUNT,
    "MailFromDomainNotVerifiedException": Outcome.PERMANENT_ACCOUNT,
    "NotFoundException": Outcome.PERMANENT_ACCOUNT,
    "MessageRejected": Outcome.PERMANENT_MESSAGE,
    "BadRequestException": Outcome.PERMANENT_MESSAGE,
    "InternalServiceErrorException": Outcome.RETRY,
}


class SesCredentials(AwsCredentials):
    """A key that may send, its sender, and where SES tells what became of mails."""

    from_address: str = credential(N_("Sender address"), min_length=3)
    from_name: str = credential(N_("Sender name"), default="")
    configuration_set: str = credential(
        N_("Configuration set"),
        default="",
        help_text=N_("Publishes its events to the topic."),
    )
    topic_arn: str = credential(
        N_("SNS topic"),
        default="",
        pattern=r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]+)?$",
        help_text=N_("Its ARN. Receipts of another topic are not believed."),
    )
    certificate_hosts: str = credential(
        N_("Certificate hosts"),
        default="",
        help_text=N_("Only for tests: instead of Amazon's own hosts, separated by spaces."),
        trust=True,
    )
    certificate_root: str = credential(
        N_("Certificate root"),
        default="",
        help_text=N_("PEM. Only for tests: what the certificates of receipts must hang on."),
        multiline=True,
        trust=True,
    )


class Ses(Channel[SesCredentials]):
    """One account and region of SES."""

    code = "ses"
    label = "AWS SES"
    channel = "email"
    Credentials = SesCredentials
    default_base_url = "https://email.us-east-1.amazonaws.com"
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(
        attachments=20, attachment_bytes=28 * 1024 * 1024, html=True, receipts=True
    )

    def __init__(
        self, credentials: SesCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        suffix = ".cn" if credentials.region.startswith("cn-") else ""
        own = f"https://email.{credentials.region}.amazonaws.com{suffix}"
        super().__init__(credentials, base_url=base_url or own, timeouts=timeouts)
        self._aws = AwsCaller("sesv2", credentials, self.base_url, self.timeouts)
        self._trust = Trust(frozenset(credentials.certificate_hosts.split()), credentials.certificate_root)
        if credentials.certificate_root and not is_certificate(credentials.certificate_root):
            raise InvalidCredentials({"certificate_root": N_("This is not a certificate in PEM form.")})
        try:
            self._sender = ascii_address(credentials.from_address)
        except ValueError:
            raise InvalidCredentials({"from_address": N_("This is not an e-mail address.")}) from None

    def probe(self) -> str:
        """Read the account's own state; sends nothing."""
        try:
            account = read_json(self.credentials, "ses", self.base_url + ACCOUNT, clock.now(), self.timeouts)
        except AwsRefusal as error:
            raise self._refusal(error, Outcome.RETRY) from None
        if "SendingEnabled" not in account:
            raise ProviderError(Outcome.RETRY, MALFORMED, "The answer was not understood.")
        if not account["SendingEnabled"]:
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "SendingPaused", "Sending is paused for this account.")
        return "" if account.get("ProductionAccessEnabled") else "The account is in the sandbox of SES."

    def send(self, message: OutgoingMessage) -> SendReceipt:
        self.check_attachments(message)
        to = recipient_address(message.to)
        try:
            answer = self._aws.call("send_email", self._request(message, to))
        except AwsRefusal as error:
            raise self._refusal(error, Outcome.UNKNOWN, [message.to, to]) from None
        message_id = answer.get("MessageId")
        if not isinstance(message_id, str) or not message_id:
            raise ProviderError(Outcome.UNKNOWN, MALFORMED, "The answer names no message.")
        return SendReceipt(message_id, "accepted")

    def check_webhook(self, webhook: Webhook) -> None:
        envelope = Envelope.read(webhook.raw)
        check_envelope(envelope, self.credentials.topic_arn, self._trust, clock.now(), self.timeouts)

    def read_webhook(self, webhook: Webhook) -> Told:
        envelope = Envelope.read(webhook.raw)
        receipt = receipt_of(envelope.message()) if envelope["Type"] == NOTIFICATION else None
        return Told(receipts=(receipt,) if receipt else ())

    def webhook_key(self, webhook: Webhook) -> str:
        """SNS keeps the id of a notification through its repeats."""
        return Envelope.read(webhook.raw)["MessageId"][:64]

    def confirm_webhook(self, webhook: Webhook) -> bool:
        """Subscribe to the topic, which asks for it with a signed notice of its own."""
        envelope = Envelope.read(webhook.raw)
        if envelope["Type"] != CONFIRMATION:
            return False
        confirm_subscription(envelope, self._trust, self.timeouts)
        return True

    def _request(self, message: OutgoingMessage, to: str) -> dict[str, Any]:
        name = _UNQUOTABLE.sub("", message.sender or self.credentials.from_name).strip()
        simple: dict[str, Any] = {
            "Subject": {"Data": " ".join(message.subject.split()), "Charset": "UTF-8"},
            "Body": _body(message),
            "Headers": _headers(message),
        }
        if message.attachments:
            simple["Attachments"] = [
                {
                    "FileName": item.name,
                    "RawContent": item.content,
                    "ContentType": item.mime,
                    "ContentDisposition": "ATTACHMENT",
                    "ContentTransferEncoding": "BASE64",
                }
                for item in message.attachments
            ]
        request: dict[str, Any] = {
            "FromEmailAddress": _address(name, self._sender),
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": simple},
            "EmailTags": [{"Name": DELIVERY_TAG, "Value": _TAG_VALUE.sub("_", message.delivery_id)}],
        }
        if self.credentials.configuration_set:
            request["ConfigurationSetName"] = self.credentials.configuration_set
        return request

    def _refusal(self, error: AwsRefusal, unclear: Outcome, hide: list[str] | None = None) -> ProviderError:
        outcome, text = error.outcome(_CODES, unclear), error.text.lower()
        if DAILY_QUOTA in text:
            outcome = Outcome.RETRY_LATER
        elif error.code == "MessageRejected" and NOT_VERIFIED in text:
            outcome = Outcome.PERMANENT_ACCOUNT
        shown = self.safe_text(error.text or f"HTTP {error.status}", hide or [])
        return ProviderError(outcome, error.code or f"http_{error.status}", shown, error.retry_after)


def _address(name: str, address: str) -> str:
    """RFC 5322, with a name in RFC 2047 form where it is not plain ASCII."""
    if not name:
        return address
    if name.isascii():
        return f'"{name}" <{address}>'
    return f"{Header(name, 'utf-8', maxlinelen=10_000).encode()} <{address}>"


def _body(message: OutgoingMessage) -> dict[str, Any]:
    body = {}
    if message.text or not message.html:
        body["Text"] = {"Data": message.text, "Charset": "UTF-8"}
    if message.html:
        body["Html"] = {"Data": message.html, "Charset": "UTF-8"}
    return body


def _headers(message: OutgoingMessage) -> list[dict[str, str]]:
    headers = [{"Name": "Auto-Submitted", "Value": "auto-generated"}]
    if message.unsubscribe_url:
        url = " ".join(message.unsubscribe_url.split())
        headers += [
            {"Name": "List-Unsubscribe", "Value": f"<{url}>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ]
    return headers
