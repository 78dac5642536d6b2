"""The inbox of message providers: verify and store first, think later, process as often as needed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from app.core import clock
from app.core.errors import Conflict, NotFound, ProviderUnavailable, Unauthorized
from app.core.ids import is_id, new_id
from app.core.providers import BadSignature, ProviderError, UnknownProvider
from app.core.tenant import all_tenants, db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import channel_with_code
from app.messaging.channels.base import Channel, Told, Webhook
from app.messaging.models import Message, NoticeStatus, ProviderNotice
from app.messaging.progress import NotKnownYet, take_in
from app.messaging.refusals import note_refusal
from app.tenancy.models import Clinic
from app.tenancy.providers import ResolvedAccount, account_with_id, known_accounts, shared_accounts

log = logging.getLogger(__name__)

URL_LIMIT = 2000
# How long a notice about something unknown waits for its next look; then it is not about a message of ours.
PATIENCE = (
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
)
AGAIN = frozenset({NoticeStatus.IGNORED, NoticeStatus.PARKED})
FINISHED = frozenset({NoticeStatus.PROCESSED, NoticeStatus.IGNORED, NoticeStatus.PARKED})
# The account that the signature proves, as it is stored and as it is called.
Verified = tuple[ResolvedAccount, Channel[Any]]


@dataclass(frozen=True)
class Answer:
    """What the provider is told: 200, a body and its type."""

    body: str
    mimetype: str


def answer_challenge(provider: str, clinic_id: str, params: Mapping[str, str]) -> str:
    """The text that proves to a provider that the address is ours. Raises Unauthorized."""
    adapter = _adapter(provider)
    for account in _accounts(adapter, clinic_id):
        try:
            return _opened(adapter, account).answer_challenge(params)
        except BadSignature:
            continue
    raise Unauthorized(code="BAD_SIGNATURE")


def receive_notice(provider: str, clinic_id: str, webhook: Webhook, *, address: str | None = None) -> Answer:
    """Verify a webhook over its raw bytes and store it, once. Commits; call it outside any unit of work.

    Without a clinic (empty) it came for a global account and is stored with the clinics whose messages it names.
    Raises NotFound for an unknown provider, clinic or account, ProviderUnavailable where the signature could not be
    checked, and Unauthorized for a bad one, which is told as a security event and stored nowhere.
    """
    adapter = _adapter(provider)
    accounts = _accounts(adapter, clinic_id)
    if not accounts:
        raise NotFound
    answer = Answer(*adapter.webhook_answer)
    if _opened(adapter, accounts[0]).is_greeting(webhook):
        return answer
    verified = _verify(adapter, accounts, webhook)
    if verified is None:
        note_refusal(provider, clinic_id, address, len(webhook.raw))
        raise Unauthorized(_("The signature is not valid."), code="BAD_SIGNATURE")
    account, channel = verified
    for owner in [clinic_id] if clinic_id else _owners(channel, webhook):
        with tenant_scope(owner), unit_of_work():
            _store(account, channel, webhook)
    return answer


def process_notice(notice_id: str) -> None:
    """Take in a stored notice. Commits; safe to repeat. Call it outside any unit of work."""
    try:
        if not _confirmed(notice_id):
            with unit_of_work():
                _process(notice_id)
    except (NotKnownYet, ProviderError) as error:
        with unit_of_work():
            _wait(_claimed(notice_id), error)
    except OperationalError:
        raise  # the database's fault, not the notice's: it stays as it is, and the sweeper finds it
    except Exception as error:
        log.exception("a notice of a message provider could not be processed")
        with unit_of_work():
            _finish(_claimed(notice_id), NoticeStatus.PARKED, type(error).__name__)


def replay_notice(notice: ProviderNotice) -> None:
    """Look once more at what was ignored or parked. Raises Conflict for others, and where its text is forgotten."""
    if notice.status not in AGAIN:
        raise Conflict(_("Only ignored and parked receipts can be processed again."))
    if not notice.raw:
        raise Conflict(_("What it said is not kept any more."))
    notice.status, notice.error, notice.processed_at = NoticeStatus.RECEIVED, "", None
    notice.attempts, notice.next_at = 0, clock.now()
    _wake(notice.clinic_id, notice.id)


# ---- receiving ----


def _adapter(provider: str) -> type[Channel[Any]]:
    try:
        return channel_with_code(provider)
    except UnknownProvider:
        raise NotFound from None


def _accounts(adapter: type[Channel[Any]], clinic_id: str) -> list[ResolvedAccount]:
    """The accounts whose notices may come to this address. Raises NotFound for an unknown or archived clinic."""
    if not clinic_id:
        return shared_accounts(adapter.channel, adapter.code)
    with all_tenants():
        if (
            not is_id(clinic_id)
            or db.session.scalar(select(Clinic.archived).where(Clinic.id == clinic_id)) is not False
        ):
            raise NotFound
    with tenant_scope(clinic_id), unit_of_work():
        return known_accounts(adapter.channel, adapter.code)


def _opened(adapter: type[Channel[Any]], account: ResolvedAccount) -> Channel[Any]:
    return adapter.open(account.credentials, base_url=account.base_url)


def _verify(adapter: type[Channel[Any]], accounts: Sequence[ResolvedAccount], webhook: Webhook) -> Verified | None:
    """The account that the signature proves. Raises ProviderUnavailable where it could not be checked."""
    unclear: ProviderError | None = None
    for account in accounts:
        channel = _opened(adapter, account)
        try:
            channel.check_webhook(webhook)
            return account, channel
        except BadSignature:
            continue
        except ProviderError as error:
            unclear = error
    if unclear is not None:
        raise ProviderUnavailable(unclear.message)
    return None


def _owners(channel: Channel[Any], webhook: Webhook) -> Iterable[str]:
    """The clinics that a notice of a global account concerns; one that asks us to call back concerns none: it is done
    here. Raises ProviderUnavailable, so that the provider asks again.
    """
    try:
        if channel.confirm_webhook(webhook):
            return []
    except ProviderError as error:
        raise ProviderUnavailable(error.message) from None
    return _clinics_of(type(channel), channel.read_webhook(webhook))


def _clinics_of(adapter: type[Channel[Any]], told: Told) -> Iterable[str]:
    """Whose messages a notice of a global account is about: by our own id, by the provider's, by who writes back."""
    references = [item.reference for item in told.receipts if is_id(item.reference)]
    theirs = [item.provider_message_id for item in told.receipts if item.provider_message_id]
    senders = [item.sender for item in told.inbound if item.sender]
    about = or_(
        Message.id.in_(references),
        Message.provider_message_id.in_(theirs),
        Message.recipient.in_(senders) & (Message.channel == adapter.channel),
    )
    with all_tenants():
        return sorted(db.session.scalars(select(Message.clinic_id).where(about).distinct()))


def _store(account: ResolvedAccount, channel: Channel[Any], webhook: Webhook) -> None:
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    values = {
        "id": new_id(),
        "clinic_id": require_clinic(),
        "provider": channel.code,
        "account_id": account.id,
        "notice_key": channel.webhook_key(webhook),
        "url": webhook.url[:URL_LIMIT],
        "raw": webhook.raw,
        "headers": {name: value for name, value in headers.items() if name in channel.webhook_headers},
    }
    key = ["clinic_id", "provider", "account_id", "notice_key"]
    stored = db.session.scalar(
        insert(ProviderNotice).values(values).on_conflict_do_nothing(index_elements=key).returning(ProviderNotice.id)
    )
    if stored is not None:
        _wake(require_clinic(), stored)


def _wake(clinic_id: str, notice_id: str) -> None:
    from app.messaging import notice_jobs

    notice_jobs.process_provider_notice.enqueue(clinic_id, notice_id)


# ---- processing ----


def _confirmed(notice_id: str) -> bool:
    """Whether the notice only asked us to call back, which is done now, outside any transaction."""
    with unit_of_work():
        notice = _claimed(notice_id)
        if notice is None:
            return True
        channel, webhook = _read(notice)
    if not channel.confirm_webhook(webhook):
        return False
    with unit_of_work():
        notice = _claimed(notice_id)
        if notice is not None:
            notice.summary = "confirmed"
            _finish(notice, NoticeStatus.PROCESSED)
    return True


def _process(notice_id: str) -> None:
    notice = _claimed(notice_id)
    if notice is None:
        return
    channel, webhook = _read(notice)
    told = channel.read_webhook(webhook)
    notice.summary = take_in(told, notice, channel.channel)[:120]
    _finish(notice, NoticeStatus.PROCESSED if notice.summary else NoticeStatus.IGNORED)


def _read(notice: ProviderNotice) -> tuple[Channel[Any], Webhook]:
    account = account_with_id(notice.account_id)
    channel = _opened(channel_with_code(notice.provider), account)
    return channel, Webhook(bytes(notice.raw), notice.headers, notice.url)


def _claimed(notice_id: str) -> ProviderNotice | None:
    """The row under its lock, unless it is finished or another worker has it."""
    return db.session.scalar(
        select(ProviderNotice)
        .where(ProviderNotice.id == notice_id, ProviderNotice.status.not_in(FINISHED))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _finish(notice: ProviderNotice | None, status: NoticeStatus, error: str = "") -> None:
    if notice is None:
        return
    notice.status, notice.error, notice.processed_at = status, error[:300], clock.now()
    notice.attempts += 1


def _wait(notice: ProviderNotice | None, why: NotKnownYet | ProviderError) -> None:
    """Look again later; what stays unknown is not about a message of ours, what cannot be asked waits for a person."""
    if notice is None:
        return
    text = why.message if isinstance(why, ProviderError) else str(why)
    if notice.attempts >= len(PATIENCE):
        status = NoticeStatus.PARKED if isinstance(why, ProviderError) else NoticeStatus.IGNORED
        _finish(notice, status, text)
        return
    notice.next_at = clock.now() + PATIENCE[notice.attempts]
    notice.status, notice.error = NoticeStatus.WAITING, text[:300]
    notice.attempts += 1
