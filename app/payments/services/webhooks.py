"""The webhook inbox: verify and store first, think later, process as often as needed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.errors import AppError, Conflict, NotFound, ProviderUnavailable, Unauthorized
from app.core.ids import new_id
from app.core.money import InvalidAmount
from app.core.providers import BadSignature, UnknownProvider
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.errors import FactRefused, NotKnownYet
from app.payments.events import PaymentDisputed, WebhookRefused
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway, GatewayNotice, NoticeKind
from app.payments.models import Payment, PaymentAttempt, WebhookEvent, WebhookStatus
from app.payments.services.asking import ask_gateway
from app.payments.services.facts import apply_fact, apply_refund_fact, apply_release
from app.payments.services.gateway import CHANNEL, open_account
from app.tenancy.models import Clinic
from app.tenancy.providers import account_with_id, known_accounts

log = logging.getLogger(__name__)

BODY_LIMIT = 256 * 1024
KEPT_HEADERS = frozenset({"content-type", "user-agent", "x-razorpay-event-id", "x-razorpay-signature"})
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
FINISHED = frozenset({WebhookStatus.PROCESSED, WebhookStatus.IGNORED, WebhookStatus.PARKED})


def receive_webhook(
    gateway: str, clinic_id: str, raw: bytes, headers: Mapping[str, str], *, address: str | None = None
) -> str:
    """Verify a webhook over its raw bytes and store it, once; its row's id. Commits.

    Raises NotFound for an unknown gateway or clinic, and Unauthorized for a bad signature, which is told as a security
    event and stored nowhere.
    """
    _check_target(gateway, clinic_id)
    with tenant_scope(clinic_id):
        with unit_of_work():
            verified = _verify(gateway, raw, headers)
            if verified is None:
                publish(WebhookRefused(gateway=gateway, address=address, size=len(raw)))
            else:
                return _store(gateway, *verified, raw, headers)
        raise Unauthorized(_("The signature is not valid."), code="BAD_SIGNATURE")


def process_webhook(webhook_id: str) -> None:
    """Take in a stored webhook. Commits; safe to repeat. Call it outside any unit of work."""
    try:
        with unit_of_work():
            ask = _process(webhook_id)
        if ask is not None:
            ask_gateway(ask)
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
    _wake(webhook.clinic_id, webhook.id)


# ---- receiving ----


def _check_target(gateway: str, clinic_id: str) -> None:
    try:
        gateway_with_code(gateway)
    except UnknownProvider:
        raise NotFound from None
    clinic = db.session.get(Clinic, clinic_id)
    if clinic is None or clinic.archived:
        raise NotFound


def _verify(gateway: str, raw: bytes, headers: Mapping[str, str]) -> tuple[str, GatewayNotice] | None:
    """The account that the signature proves, and the notice. Raises NotFound for a clinic without such an account."""
    accounts = known_accounts(CHANNEL, gateway)
    if not accounts:
        raise NotFound
    for account in accounts:
        try:
            return account.id, open_account(account).verify_webhook(raw, headers)
        except (BadSignature, ProviderUnavailable):
            continue
    return None


def _store(gateway: str, account_id: str, notice: GatewayNotice, raw: bytes, headers: Mapping[str, str]) -> str:
    row_id = new_id()
    values = {
        "id": row_id,
        "clinic_id": require_clinic(),
        "gateway": gateway,
        "account_id": account_id,
        "event_id": _event_id(notice),
        "event": notice.event[:80],
        "order_id": notice.order_id,
        "gateway_payment_id": notice.payment_id,
        "occurred_at": notice.occurred_at,
        "raw": raw,
        "headers": {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS},
    }
    key = ["clinic_id", "gateway", "account_id", "event_id"]
    stored = db.session.scalar(
        insert(WebhookEvent).values(values).on_conflict_do_nothing(index_elements=key).returning(WebhookEvent.id)
    )
    if stored is None:
        same = {name: values[name] for name in key}
        return str(db.session.scalars(select(WebhookEvent.id).filter_by(**same)).one())
    _wake(require_clinic(), row_id)
    return row_id


def _event_id(notice: GatewayNotice) -> str:
    """The vendor's id of the event; too long a one is not theirs."""
    if len(notice.event_id) <= EVENT_ID_LIMIT:
        return notice.event_id
    return "sha256:" + hashlib.sha256(notice.event_id.encode()).hexdigest()


def _wake(clinic_id: str, webhook_id: str) -> None:
    from app.payments import jobs

    jobs.process_webhook.enqueue(clinic_id, webhook_id)


# ---- processing ----


def _process(webhook_id: str) -> str | None:
    """Apply what the notice carries. A payment id means that the gateway must be asked to complete it."""
    webhook = _claimed(webhook_id)
    if webhook is None:
        return None
    adapter = open_account(account_with_id(webhook.account_id))
    notice = adapter.read_webhook(bytes(webhook.raw), webhook.headers)
    if notice.kind in (NoticeKind.SETTLEMENT, NoticeKind.OTHER):
        _finish(webhook, WebhookStatus.IGNORED)
        return None
    payment = find_payment(webhook.gateway, notice)
    if payment is None:
        raise NotKnownYet("no payment of ours is known for it")
    webhook.payment_id = payment.id
    if _must_ask(adapter, notice):
        return payment.id
    _apply(payment.id, notice)
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
    """The payment that a notice is about: by its order, or by the gateway's payment."""
    if notice.order_id:
        wanted = select(Payment).where(Payment.provider == gateway, Payment.order_id == notice.order_id)
        payment = db.session.scalar(wanted)
        if payment is not None:
            return payment
    if not notice.payment_id:
        return None
    return db.session.scalar(
        select(Payment)
        .join(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
        .where(Payment.provider == gateway, PaymentAttempt.gateway_payment_id == notice.payment_id)
    )


def _must_ask(adapter: Gateway[Any], notice: GatewayNotice) -> bool:
    """A notice that its signature does not cover, or that lacks its snapshot, is only a hint."""
    if not adapter.capabilities.signed_webhook:
        return True
    if notice.kind is NoticeKind.DISPUTE:
        return notice.dispute is None
    if notice.kind is NoticeKind.REFUND:
        return notice.refund is None
    return notice.payment is None


def _apply(payment_id: str, notice: GatewayNotice) -> None:
    if notice.payment is not None:
        apply_fact(payment_id, notice.payment)
    if notice.refund is not None:
        if notice.automatic_refund:
            apply_release(payment_id, notice.refund.payment_id, notice.refund.amount)
        else:
            apply_refund_fact(payment_id, notice.refund)
    if notice.dispute is not None:
        dispute = notice.dispute
        publish(
            PaymentDisputed(
                payment_id=payment_id,
                dispute_id=dispute.dispute_id,
                state=dispute.state,
                amount_minor=dispute.amount.minor,
                currency=dispute.amount.currency,
            )
        )


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
