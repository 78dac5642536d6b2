"""The webhook inbox: verify and store first, think later, process as often as needed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Select, bindparam, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.errors import AppError, Conflict, NotFound, ProviderUnavailable, Unauthorized
from app.core.ids import is_id, new_id
from app.core.kept import Kept
from app.core.money import InvalidAmount
from app.core.providers import BadSignature, ProviderError, UnknownProvider
from app.core.tenant import db, execute_alone, require_clinic, tenant_scope, told_clinic
from app.core.transaction import in_transaction, reading, unit_of_work
from app.payments.errors import FactRefused, NotKnownYet
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway, GatewayNotice, NoticeKind
from app.payments.models import Payment, PaymentAttempt, WebhookEvent, WebhookStatus
from app.payments.services.asking import ask_gateway
from app.payments.services.disputes import apply_dispute_fact
from app.payments.services.facts import apply_fact_to, apply_refund_fact, apply_release
from app.payments.services.gateway import CHANNEL, CallInsideTransaction, call, open_account, unavailable
from app.payments.services.operations import orders_opened
from app.payments.services.refusals import note_refusal
from app.payments.services.sums import lock_first
from app.payments.services.waiting import wake_inbox, wake_inbox_now
from app.tenancy.models import Clinic
from app.tenancy.providers import ResolvedAccount, account_with_id, known_accounts

log = logging.getLogger(__name__)

BODY_LIMIT = 256 * 1024
KEPT_HEADERS = frozenset({"content-type", "user-agent"})  # and those that the gateway names
EVENT_ID_LIMIT = 120
# How long a notice about something unknown waits for its next look; then a person must.
PATIENCE = (
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
)
# The account that the signature proves, and the notice.
Verified = tuple[str, GatewayNotice]
FINISHED = frozenset({WebhookStatus.PROCESSED, WebhookStatus.IGNORED, WebhookStatus.PARKED})


def receive_webhook(
    gateway: str, clinic_id: str, raw: bytes, headers: Mapping[str, str], *, address: str | None = None
) -> str:
    """Verify a webhook over its raw bytes and store it, once; its row's id. Commits.

    Verifying may have to fetch a certificate, so it happens outside any transaction. Raises NotFound for an unknown
    gateway or clinic, ProviderUnavailable where the signature could not be checked, and Unauthorized for a bad one,
    which is told as a security event and stored nowhere.
    """
    _check_gateway(gateway)
    with tenant_scope(clinic_id):
        accounts, verified = _verified(gateway, raw, headers)
        if verified is None:
            _check_clinic(clinic_id)
            note_refusal(gateway, address, len(raw))
            raise Unauthorized(_("The signature is not valid."), code="BAD_SIGNATURE")
        verified = _by_its_own_account(gateway, accounts, verified, raw, headers)
        return _store(gateway, *verified, raw, headers)


def process_webhook(webhook_id: str) -> None:
    """Take in a stored webhook. Commits; safe to repeat. Call it outside any unit of work."""
    try:
        with unit_of_work():
            ask = _process(webhook_id)
        if isinstance(ask, _Hint):
            notice = _confirmed(ask)
            with unit_of_work():
                ask = _process(webhook_id, notice)
        if isinstance(ask, _Ask):
            ask_gateway(ask.payment_id, refund_id=ask.refund_id)
            with unit_of_work():
                _finish(_claimed(webhook_id), WebhookStatus.PROCESSED)
    except (NotKnownYet, ProviderUnavailable) as error:
        with unit_of_work():
            _wait(_claimed(webhook_id), str(error))
    except (FactRefused, AppError, InvalidAmount) as error:
        with unit_of_work():
            _finish(_claimed(webhook_id), WebhookStatus.PARKED, str(error))
    except Exception as error:
        log.exception("a webhook could not be processed")
        with unit_of_work():
            _wait(_claimed(webhook_id), type(error).__name__)


def replay_webhook(webhook: WebhookEvent) -> None:
    """Process it again (**Replay**). Raises Conflict while it is waiting for its turn anyway."""
    if webhook.status == WebhookStatus.RECEIVED:
        raise Conflict(_("It is about to be processed."))
    webhook.status, webhook.attempts, webhook.next_at, webhook.error = WebhookStatus.RECEIVED, 0, clock.now(), ""
    db.session.flush()
    wake_inbox(webhook.clinic_id, webhook.id)


# ---- receiving ----


def _check_gateway(gateway: str) -> None:
    try:
        gateway_with_code(gateway)
    except UnknownProvider:
        raise NotFound from None


def _check_clinic(clinic_id: str) -> None:
    """Raises NotFound for an unknown or archived clinic."""
    with unit_of_work():
        if db.session.scalar(select(Clinic.archived).where(Clinic.id == clinic_id)) is not False:
            raise NotFound


def _verified(gateway: str, raw: bytes, headers: Mapping[str, str]) -> tuple[list[ResolvedAccount], Verified | None]:
    """The accounts whose notices may come, and what the signature proves. Raises NotFound for a clinic without one.

    Nothing is refused before the accounts were read exactly: one may just have been entered, or its secret changed.
    """
    accounts: list[ResolvedAccount] = []
    for exact in (False, True):
        with reading():
            accounts = known_accounts(CHANNEL, gateway, exact=exact)
        verified = _verify(accounts, raw, headers)
        if verified is not None:
            return accounts, verified
    if not accounts:
        raise NotFound
    return accounts, None


def _verify(accounts: list[ResolvedAccount], raw: bytes, headers: Mapping[str, str]) -> Verified | None:
    """The account that the signature proves, and the notice. Raises ProviderUnavailable where none could check it."""
    if in_transaction():
        raise CallInsideTransaction
    unclear: ProviderError | None = None
    for account in accounts:
        try:
            return account.id, open_account(account).verify_webhook(raw, headers)
        except (BadSignature, ProviderUnavailable):
            continue
        except ProviderError as error:
            unclear = error
    if unclear is not None:
        raise unavailable(unclear)
    return None


def _by_its_own_account(
    gateway: str, accounts: list[ResolvedAccount], verified: Verified, raw: bytes, headers: Mapping[str, str]
) -> Verified:
    """An account that was entered twice signs for both: then the one counts that the payment was made through."""
    account_id, notice = verified
    if len(accounts) == 1:
        return verified
    with unit_of_work():
        payment = find_payment(gateway, notice)
        own = payment.account_id if payment else account_id
    others = [account for account in accounts if account.id == own != account_id]
    return _verify(others, raw, headers) or verified


def _check_account(webhook: WebhookEvent, payment: Payment) -> None:
    """An account speaks of what was paid through it: also when it is disabled by now, and of nothing else.

    Raises FactRefused. Whoever has an old account's secret could otherwise settle what other accounts are owed.
    """
    if payment.account_id != webhook.account_id:
        raise FactRefused("it was signed by another account than the payment's")


def _store(gateway: str, account_id: str, notice: GatewayNotice, raw: bytes, headers: Mapping[str, str]) -> str:
    """The notice's row, new or as it came before. Commits. Raises NotFound for an archived clinic."""
    kept, clinic_id = KEPT_HEADERS | gateway_with_code(gateway).webhook_headers, require_clinic()
    values = {
        "id": new_id(),
        "clinic_id": clinic_id,
        "gateway": gateway,
        "account_id": account_id,
        "event_id": _event_id(notice),
        "event": notice.event[:80],
        "order_id": notice.order_id,
        "gateway_payment_id": notice.payment_id,
        "occurred_at": notice.occurred_at,
        "raw": raw,
        "headers": {name.lower(): value for name, value in headers.items() if name.lower() in kept},
        "now": clock.now(),
    }
    stored = execute_alone(_STORE, values).scalar()
    if stored is None:
        return _known({name: values[name] for name in _ONE_EVENT})
    wake_inbox_now(clinic_id, stored)
    return str(stored)


def _known(event: dict[str, Any]) -> str:
    with unit_of_work():
        found = db.session.scalar(select(WebhookEvent.id).filter_by(**event))
    if found is None:
        raise NotFound
    return found


def _storing() -> Kept:
    """One statement: a row for a clinic that is not archived, unless the event has one."""
    given = {
        name: bindparam(name, type_=getattr(WebhookEvent, name).type)
        for name in (
            "id", "clinic_id", "gateway", "account_id", "event_id", "event", "order_id", "gateway_payment_id",
            "occurred_at", "raw", "headers",
        )
    }  # fmt: skip
    at_first = {
        **{name: bindparam("now", type_=WebhookEvent.next_at.type) for name in ("created_at", "updated_at", "next_at")},
        "status": literal(WebhookStatus.RECEIVED, WebhookEvent.status.type),
        "attempts": literal(0),
        "error": literal(""),
    }
    columns = {**given, **at_first}
    scope = told_clinic()
    archived = select(Clinic.archived).where(Clinic.id == scope.c.clinic_id).scalar_subquery()
    row = select(*columns.values()).select_from(scope).where(archived.is_(False))
    storing = insert(WebhookEvent).from_select(list(columns), row)
    return Kept(storing.on_conflict_do_nothing(index_elements=_ONE_EVENT).returning(WebhookEvent.id))


_ONE_EVENT = ["clinic_id", "gateway", "account_id", "event_id"]
_STORE = _storing()


def _event_id(notice: GatewayNotice) -> str:
    """The vendor's id of the event; too long a one is not theirs."""
    if len(notice.event_id) <= EVENT_ID_LIMIT:
        return notice.event_id
    return "sha256:" + hashlib.sha256(notice.event_id.encode()).hexdigest()


# ---- processing ----


@dataclass(frozen=True)
class _Hint:
    """A notice whose signature does not protect what it says."""

    adapter: Gateway[Any]
    notice: GatewayNotice


@dataclass(frozen=True)
class _Ask:
    """What the gateway must be asked about."""

    payment_id: str
    refund_id: str | None


def _confirmed(hint: _Hint) -> GatewayNotice:
    """What the gateway itself says about it. Raises ProviderUnavailable."""
    try:
        return call(hint.adapter, lambda: hint.adapter.confirm(hint.notice))
    except ProviderError as error:
        raise unavailable(error) from None


def _process(webhook_id: str, confirmed: GatewayNotice | None = None) -> _Ask | _Hint | None:
    """Apply what the notice carries, or say what the gateway must be asked to complete it; a hint: about the notice
    itself first.
    """
    webhook = _claimed(webhook_id)
    if webhook is None:
        return None
    adapter = open_account(account_with_id(webhook.account_id))
    notice = confirmed or adapter.read_webhook(bytes(webhook.raw), webhook.headers)
    if notice.kind in (NoticeKind.SETTLEMENT, NoticeKind.OTHER):
        _finish(webhook, WebhookStatus.IGNORED)
        return None
    if confirmed is None and not adapter.signs_webhooks:
        return _Hint(adapter, notice)
    payment = _first(lock_first(wanted) for wanted in _payments_named_by(webhook.gateway, notice))
    if payment is None:
        raise NotKnownYet("no payment of ours is known for it")
    _check_account(webhook, payment)
    if confirmed is not None and notice.dispute is not None:
        _apply(payment, replace(notice, payment=None, refund=None))
    if _must_ask(adapter, notice):
        if payment.order_id is None and notice.order_id not in orders_opened(payment):
            raise NotKnownYet("its order is only being opened")
        webhook.payment_id = payment.id
        return _Ask(payment.id, notice.refund_id)
    _apply(payment, notice)
    webhook.payment_id = payment.id  # now, so that the row is written once
    _finish(webhook, WebhookStatus.PROCESSED)
    return None


def _claimed(webhook_id: str) -> WebhookEvent | None:
    """The row under its lock, unless it is finished or another worker has it."""
    return db.session.scalar(
        select(WebhookEvent)
        .where(WebhookEvent.id == webhook_id, WebhookEvent.status.not_in(FINISHED))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def find_payment(gateway: str, notice: GatewayNotice) -> Payment | None:
    """The payment that a notice is about: by its order, by the gateway's payment, or by our own reference."""
    return _first(db.session.scalar(wanted) for wanted in _payments_named_by(gateway, notice))


def _first(found: Iterator[Payment | None]) -> Payment | None:
    return next((payment for payment in found if payment is not None), None)


def _payments_named_by(gateway: str, notice: GatewayNotice) -> Iterator[Select[tuple[Payment]]]:
    payments = select(Payment).where(Payment.provider == gateway)
    if notice.order_id:
        yield payments.where(Payment.order_id == notice.order_id)
    if notice.payment_id:
        attempts = payments.join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
        yield attempts.where(PaymentAttempt.gateway_payment_id == notice.payment_id)
    if is_id(notice.reference):
        yield payments.where(Payment.id == notice.reference)


def _must_ask(adapter: Gateway[Any], notice: GatewayNotice) -> bool:
    """A notice that its signature does not cover, or that lacks its snapshot, is only a hint."""
    if not adapter.signs_webhooks:
        return True
    if notice.kind is NoticeKind.DISPUTE:
        return notice.dispute is None
    if notice.kind is NoticeKind.REFUND:
        return notice.refund is None
    return notice.payment is None


def _apply(payment: Payment, notice: GatewayNotice) -> None:
    """Take in what the notice says about the payment that was just locked."""
    if notice.payment is not None:
        apply_fact_to(payment, notice.payment)
    if notice.refund is not None:
        if notice.automatic_refund:
            apply_release(payment.id, notice.refund.payment_id, notice.refund.amount)
        else:
            apply_refund_fact(payment.id, notice.refund)
    if notice.dispute is not None:
        apply_dispute_fact(payment.id, notice.dispute)


def _finish(webhook: WebhookEvent | None, status: WebhookStatus, error: str = "") -> None:
    if webhook is None:
        return
    webhook.status, webhook.error, webhook.processed_at = status, error[:300], clock.now()
    webhook.attempts += 1


def _wait(webhook: WebhookEvent | None, why: str) -> None:
    if webhook is None:
        return
    if webhook.attempts >= len(PATIENCE):
        _finish(webhook, WebhookStatus.PARKED, why)
        return
    webhook.next_at = clock.now() + PATIENCE[webhook.attempts]
    webhook.status, webhook.error = WebhookStatus.WAITING, why[:300]
    webhook.attempts += 1
