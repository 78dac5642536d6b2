"""How far a message got, and what that says about its recipient: receipts come late, twice and in any order."""

from __future__ import annotations

from sqlalchemy import select

from app.core import clock
from app.core.ids import is_id
from app.core.tenant import db
from app.events.services import publish
from app.messaging.channels.base import DeliveryReceipt, DeliveryStatus, InboundMessage, RecipientFact, Told
from app.messaging.delivery.states import give_up, sent
from app.messaging.models import Message, MessageAttempt, MessageStatus, ProviderNotice
from app.messaging.suppression import learn

PROGRESS = {
    DeliveryStatus.SENT: MessageStatus.SENT,
    DeliveryStatus.DELIVERED: MessageStatus.DELIVERED,
    DeliveryStatus.READ: MessageStatus.READ,
    DeliveryStatus.FAILED: MessageStatus.FAILED,
}
NOT_SENT = "The provider told later that it was not delivered ({code})."


class NotKnownYet(Exception):
    """It is about a message that is only being sent, or that is not ours."""


def take_in(told: Told, notice: ProviderNotice, channel: str) -> str:
    """Do what a notice says; what it was, in short. Raises NotKnownYet before anything was done."""
    messages = [_message_of(receipt, notice) for receipt in told.receipts]
    known = [(receipt, message) for receipt, message in zip(told.receipts, messages, strict=True) if message]
    if told.receipts and not known:
        raise NotKnownYet("no message of ours is known for it")
    if any(message.status == MessageStatus.SENDING for _, message in known):
        raise NotKnownYet("its message is only being sent")
    words = [_apply(receipt, message, notice) for receipt, message in known]
    words += [_heard(inbound, notice, channel) for inbound in told.inbound]
    return ", ".join(word for word in words if word)


def _message_of(receipt: DeliveryReceipt, notice: ProviderNotice) -> Message | None:
    """By our own id where the provider gives it back, else by theirs; only one that this account was asked to send."""
    wanted = select(Message).with_for_update().execution_options(populate_existing=True)
    found = None
    if is_id(receipt.reference):
        found = db.session.scalar(wanted.where(Message.id == receipt.reference))
    if found is None and receipt.provider_message_id:
        found = db.session.scalar(wanted.where(Message.provider_message_id == receipt.provider_message_id))
    return found if found is not None and _went_through(found, notice) else None


def _went_through(message: Message, notice: ProviderNotice) -> bool:
    """Whoever holds an old account's secret must not settle what other accounts sent."""
    tries = select(MessageAttempt.id).where(
        MessageAttempt.message_id == message.id, MessageAttempt.account_id == notice.account_id
    )
    return db.session.scalar(tries.limit(1)) is not None


def _apply(receipt: DeliveryReceipt, message: Message, notice: ProviderNotice) -> str:
    if receipt.fact is not None:
        learn(message.channel, message.recipient, receipt.fact, source=_source(notice, receipt.error_code))
    if receipt.status is None:
        return str(receipt.fact or "")
    apply_receipt(receipt, message)
    return f"{receipt.status} {receipt.error_code}".strip()


def apply_receipt(receipt: DeliveryReceipt, message: Message) -> None:
    """Move a message as far as the receipt says, never back; a failure counts only for what was sent last."""
    if receipt.status is None or not message.can_become(PROGRESS[receipt.status]):
        return
    wanted = PROGRESS[receipt.status]
    if wanted == MessageStatus.FAILED:
        if not _of_an_earlier_try(receipt, message):
            publish(give_up(message, MessageStatus.FAILED, NOT_SENT.format(code=receipt.error_code or "-")))
        return
    message.provider_message_id = message.provider_message_id or receipt.provider_message_id or None
    if wanted == MessageStatus.SENT:
        publish(sent(message))
        return
    message.become(wanted)
    message.reason = ""
    message.sent_at = message.sent_at or receipt.at or clock.now()


def _of_an_earlier_try(receipt: DeliveryReceipt, message: Message) -> bool:
    """Sent again since, under another id: that one decides."""
    if message.provider_message_id in (None, receipt.provider_message_id):
        return False
    earlier = select(MessageAttempt.id).where(
        MessageAttempt.message_id == message.id,
        MessageAttempt.provider_message_id == receipt.provider_message_id,
    )
    return db.session.scalar(earlier.limit(1)) is not None


def _heard(inbound: InboundMessage, notice: ProviderNotice, channel: str) -> str:
    """Of what people write only STOP and START count here."""
    if inbound.fact not in (RecipientFact.OPTED_OUT, RecipientFact.OPTED_IN) or not inbound.sender:
        return "inbound"
    learn(channel, inbound.sender, inbound.fact, source=_source(notice, "inbound"))
    return str(inbound.fact)


def _source(notice: ProviderNotice, code: str) -> str:
    return f"{notice.provider}:{code}" if code else notice.provider
