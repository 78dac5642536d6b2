"""What a message channel is to the rest of the console: send one message, read receipts."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NoReturn, TypeVar

from app.core.credentials import CredentialModel
from app.core.providers import BadSignature, Outcome, Provider, ProviderError
from app.core.storable import storable

LONGEST_ID, LONGEST_ANSWER = 200, 500


class RecipientFact(StrEnum):
    """What a provider let us know about an address, beyond the one message."""

    BOUNCED = "bounced"  # for good
    COMPLAINED = "complained"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    INVALID = "invalid"  # no such number, a dead token
    UNREACHABLE = "unreachable"  # for now
    REACHED = "reached"


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
    # The provider fetches files itself: an attachment needs its `url`.
    files_by_link: bool = False
    # How many messages are best handed over one after the other on one connection.
    together: int = 1


@dataclass(frozen=True)
class Attachment:
    """A file to send; `mime` may carry parameters ("text/calendar; method=REQUEST"). `url`: where it can be fetched
    for some hours, for channels that take files by link.
    """

    name: str
    mime: str
    content: bytes = field(repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class OutgoingMessage:
    """One message to one person. `delivery_id` is ours and comes back in receipts where the provider allows it.

    `to` is an e-mail address or an E.164 number, `sender` the name shown, `template` one the provider approved, filled
    with `variables` in their order (names that are numbers are positions). `receipt_url` is where providers that must
    be told with each message send its receipts. A push message goes to a token; `to_kind` says which sort.
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
    receipt_url: str = ""
    to_kind: str = ""


@dataclass(frozen=True)
class SendReceipt:
    """Accepted, which is not delivered. `answer` is the provider's own wording, made safe.

    What a provider says must not keep its message from being told as sent: both are cut to what can be stored.
    """

    provider_message_id: str
    answer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider_message_id", storable(self.provider_message_id, LONGEST_ID))
        object.__setattr__(self, "answer", storable(self.answer, LONGEST_ANSWER))


@dataclass(frozen=True)
class DeliveryReceipt:
    """What became of a message. `reference` is our delivery id; a failure has the outcome of a failed send.

    `status` None says nothing about the message itself, only a `fact` about its recipient (a complaint).
    """

    provider_message_id: str
    status: DeliveryStatus | None
    at: datetime | None
    reference: str = ""
    error_code: str = ""
    outcome: Outcome | None = None
    fact: RecipientFact | None = None


@dataclass(frozen=True)
class InboundMessage:
    """Something a person wrote to us; `sender` is an E.164 number or the provider's own id of the person."""

    message_id: str
    sender: str = field(repr=False)
    at: datetime | None
    kind: str
    text: str = field(default="", repr=False)
    fact: RecipientFact | None = None


@dataclass(frozen=True)
class Webhook:
    """A call of a provider as it came: `url` is the address that the provider was given, with the query it used."""

    raw: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    url: str = ""

    def header(self, name: str) -> str:
        """The header whatever its case, empty when it is missing."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Told:
    """What a webhook says."""

    receipts: tuple[DeliveryReceipt, ...] = ()
    inbound: tuple[InboundMessage, ...] = ()


# Words that people send to be left alone, or not any more (the vendors' own lists).
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


def wish_of(text: str) -> RecipientFact | None:
    """What a one-word answer asks for."""
    word = text.strip().strip(".!").upper()
    if word in STOP_WORDS:
        return RecipientFact.OPTED_OUT
    return RecipientFact.OPTED_IN if word in START_WORDS else None


def reached_by(status: DeliveryStatus) -> RecipientFact | None:
    """A delivery shows that the address works."""
    return RecipientFact.REACHED if status in (DeliveryStatus.DELIVERED, DeliveryStatus.READ) else None


C = TypeVar("C", bound=CredentialModel)


class Channel(Provider[C]):
    """One provider of one channel."""

    capabilities: ClassVar[ChannelCapabilities]

    @abstractmethod
    def send(self, message: OutgoingMessage) -> SendReceipt:
        """Hand over once. Raises ProviderError; `Outcome.UNKNOWN` may have been sent: never repeat it blindly."""

    def send_all(self, messages: Sequence[OutgoingMessage]) -> list[SendReceipt | ProviderError]:
        """Hand over several, each as `send` does: what became of it, in their order. Never raises ProviderError."""
        return [self._tried(message) for message in messages]

    def _tried(self, message: OutgoingMessage) -> SendReceipt | ProviderError:
        try:
            return self.send(message)
        except ProviderError as error:
            return error

    # Headers that `check_webhook` and `read_webhook` need, in lower case; nothing else of a webhook's headers is kept.
    webhook_headers: ClassVar[frozenset[str]] = frozenset()
    # What the provider wants to read after a webhook: the body and its type.
    webhook_answer: ClassVar[tuple[str, str]] = ('{"received":true}', "application/json")

    def check_webhook(self, webhook: Webhook) -> None:
        """Raise BadSignature unless the provider sent it, or ProviderError where that cannot be found out now."""
        self._sends_no_notices()

    def read_webhook(self, webhook: Webhook) -> Told:
        """What a webhook says that was checked before; a body of another shape says nothing."""
        return Told()

    def webhook_key(self, webhook: Webhook) -> str:
        """What is the same when the provider sends the same webhook again."""
        return hashlib.sha256(webhook.url.encode() + b"\n" + webhook.raw).hexdigest()

    def is_greeting(self, webhook: Webhook) -> bool:
        """A call that only tries whether the address answers: it carries no event, and perhaps no signature."""
        return False

    def confirm_webhook(self, webhook: Webhook) -> bool:
        """Do what a checked webhook asks us to call back for, if it does. Raises ProviderError."""
        return False

    def fact_of(self, error: ProviderError) -> RecipientFact | None:
        """What a refused send says about the recipient."""
        return RecipientFact.INVALID if error.outcome is Outcome.PERMANENT_RECIPIENT else None

    def verify_receipt(self, raw: bytes, headers: Mapping[str, str], url: str = "") -> list[DeliveryReceipt]:
        """Check a webhook over its raw bytes and read its delivery receipts. Raises BadSignature."""
        return list(self._verified(Webhook(raw, headers, url)).receipts)

    def verify_inbound(self, raw: bytes, headers: Mapping[str, str], url: str = "") -> list[InboundMessage]:
        """Check a webhook over its raw bytes and read what people wrote. Raises BadSignature."""
        return list(self._verified(Webhook(raw, headers, url)).inbound)

    def _verified(self, webhook: Webhook) -> Told:
        self.check_webhook(webhook)
        return self.read_webhook(webhook)

    def answer_challenge(self, params: Mapping[str, str]) -> str:
        """The text that proves to the provider that its webhook address is ours. Raises BadSignature."""
        self._sends_no_notices()

    def check_attachments(self, message: OutgoingMessage) -> None:
        """Raises ProviderError for more files, or larger ones, than the channel carries."""
        limits = self.capabilities
        if len(message.attachments) > limits.attachments:
            text = f"{self.label} carries {limits.attachments} file(s) per message."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "too_many_attachments", text)
        if limits.files_by_link and not all(attachment.url for attachment in message.attachments):
            text = f"{self.label} takes files by link only."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "attachment_without_link", text)
        if sum(len(attachment.content) for attachment in message.attachments) > limits.attachment_bytes:
            text = f"{self.label} carries at most {limits.attachment_bytes} bytes of files."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "attachment_too_large", text)

    def _sends_no_notices(self) -> NoReturn:
        raise BadSignature(f"{self.label} sends no notices")
