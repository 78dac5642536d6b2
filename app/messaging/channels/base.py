"""What a message channel is to the rest of the console: send one message, read receipts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NoReturn, TypeVar

from app.core.credentials import CredentialModel
from app.core.providers import BadSignature, Outcome, Provider, ProviderError


class DeliveryStatus(StrEnum):
    """How far a message got. Receipts come in any order: keep the furthest; a later delivery overrules a failure."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True)
class ChannelCapabilities:
    """What a channel can carry."""

    attachments: int = 0  # files per message
    attachment_bytes: int = 0  # all files together
    html: bool = False
    templates: bool = False
    receipts: bool = False
    # Free text only this long after the person last wrote to us; None is always.
    window: timedelta | None = None


@dataclass(frozen=True)
class Attachment:
    """A file to send; `mime` may carry parameters ("text/calendar; method=REQUEST")."""

    name: str
    mime: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class OutgoingMessage:
    """One message to one person. `delivery_id` is ours and comes back in receipts where the provider allows it.

    `to` is an e-mail address or an E.164 number, `sender` the name shown, `template` one the provider approved, filled
    with `variables` in their order (names that are numbers are positions).
    """

    delivery_id: str
    to: str = field(repr=False)
    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    template: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    attachments: tuple[Attachment, ...] = ()
    sender: str = ""
    language: str = "en"
    unsubscribe_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class SendReceipt:
    """Accepted, which is not delivered. `answer` is the provider's own wording, made safe."""

    provider_message_id: str
    answer: str = ""


@dataclass(frozen=True)
class DeliveryReceipt:
    """What became of a message. `reference` is our delivery id; a failure has the outcome of a failed send."""

    provider_message_id: str
    status: DeliveryStatus
    at: datetime | None
    reference: str = ""
    error_code: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True)
class InboundMessage:
    """Something a person wrote to us; `sender` is an E.164 number or the provider's own id of the person."""

    message_id: str
    sender: str = field(repr=False)
    at: datetime | None
    kind: str
    text: str = field(default="", repr=False)


C = TypeVar("C", bound=CredentialModel)


class Channel(Provider[C]):
    """One provider of one channel."""

    capabilities: ClassVar[ChannelCapabilities]

    @abstractmethod
    def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hand over once. Raises ProviderError; `Outcome.UNKNOWN` may have been sent: never repeat it blindly."""

    def verify_receipt(self, raw: bytes, headers: Mapping[str, str]) -> list[DeliveryReceipt]:
        """Check a webhook over its raw bytes and read its delivery receipts. Raises BadSignature."""
        self._sends_no_notices()

    def verify_inbound(self, raw: bytes, headers: Mapping[str, str]) -> list[InboundMessage]:
        """Check a webhook over its raw bytes and read what people wrote. Raises BadSignature."""
        self._sends_no_notices()

    def answer_challenge(self, params: Mapping[str, str]) -> str:
        """The text that proves to the provider that its webhook address is ours. Raises BadSignature."""
        self._sends_no_notices()

    def check_attachments(self, message: OutgoingMessage) -> None:
        """Raises ProviderError for more files, or larger ones, than the channel carries."""
        limits = self.capabilities
        if len(message.attachments) > limits.attachments:
            text = f"{self.label} carries {limits.attachments} file(s) per message."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "too_many_attachments", text)
        if sum(len(attachment.content) for attachment in message.attachments) > limits.attachment_bytes:
            text = f"{self.label} carries at most {limits.attachment_bytes} bytes of files."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "attachment_too_large", text)

    def _sends_no_notices(self) -> NoReturn:
        raise BadSignature(f"{self.label} sends no notices")
