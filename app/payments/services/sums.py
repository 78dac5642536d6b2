"""The payment's sums, always computed anew from its attempts and refunds; the database derives the status from them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Exists, Select, bindparam, exists, select
from sqlalchemy.orm.attributes import set_committed_value

from app.core import clock
from app.core.errors import NotFound
from app.core.sockets import clinic_room, push
from app.core.tenant import db, read_kept, scoped
from app.events.services import publish
from app.payments.events import BillingPaymentUpdated, PaymentFailed
from app.payments.models import CHEQUE_RETURNED, Payment, PaymentAttempt, PaymentStatus, Refund, RefundStatus
from app.payments.services.operations import doubtful, in_doubt

REFUND_PENDING = frozenset({RefundStatus.REQUESTED, RefundStatus.APPROVED, RefundStatus.SENT})


def locked(payment_id: str) -> Payment:
    """The payment under its row lock, read anew with what belongs to it. Lock it before an invoice. Raises NotFound."""
    payment = lock_first(select(Payment).where(Payment.id == payment_id))
    if payment is None:
        raise NotFound
    return payment


def lock_first(wanted: Select[tuple[Payment]]) -> Payment | None:
    """`locked` for the payment that a select finds."""
    payment = db.session.scalar(
        # Two that have written rows referring to it must not wait for each other.
        wanted.with_for_update(of=Payment, key_share=True).execution_options(populate_existing=True)
    )
    if payment is not None:
        _read_what_belongs_to(payment)
    return payment


def _read_what_belongs_to(payment: Payment) -> None:
    """Asked once the lock is there, and not for what most payments do not have."""
    found = read_kept(_BELONGINGS, {"payment": payment.id}).one()
    for name, model in (("attempts", PaymentAttempt), ("refunds", Refund)):
        set_committed_value(payment, name, _rows(model, payment) if getattr(found, name) else [])
    if payment.in_doubt != found.in_doubt:
        payment.in_doubt = found.in_doubt


def _rows(model: type[PaymentAttempt | Refund], payment: Payment) -> list[Any]:
    wanted = select(model).where(model.payment_id == payment.id).order_by(model.id)
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))


def _any(model: type[PaymentAttempt | Refund]) -> Exists:
    return exists().where(model.payment_id == bindparam("payment"))


_BELONGINGS = scoped(
    select(
        _any(PaymentAttempt).label("attempts"),
        _any(Refund).label("refunds"),
        doubtful(bindparam("payment")).label("in_doubt"),
    )
)


def locked_refund(refund_id: str) -> Refund:
    """The refund with its payment locked. Raises NotFound."""
    payment_id = db.session.scalar(select(Refund.payment_id).where(Refund.id == refund_id))
    if payment_id is None:
        raise NotFound
    return next(refund for refund in locked(payment_id).refunds if refund.id == refund_id)


def settle(payment: Payment, *, operations_moved: bool = True) -> None:
    """Recompute the sums, and tell whoever waits for the status. The last step of every change.

    Without `operations_moved`, no operation of the payment has changed since it was locked.
    """
    before = payment.status
    if operations_moved:
        payment.in_doubt = in_doubt(payment)  # asks the database first, so that the row is written once
    _add_up(payment)
    _describe(payment)
    db.session.flush()
    if payment.status != before:
        _announce(payment)


def _add_up(payment: Payment) -> None:
    attempts = payment.attempts
    payment.authorized_minor = sum(attempt.authorized_minor for attempt in attempts)
    payment.captured_minor = sum(attempt.captured_minor for attempt in attempts)
    payment.voided_minor = sum(attempt.voided_minor for attempt in attempts)
    moved = payment.authorized_minor or payment.captured_minor or payment.voided_minor
    if payment.abandoned_at and not moved:
        payment.voided_minor = payment.amount_minor
    failed = bool(attempts) and all(attempt.failed for attempt in attempts)
    payment.pending_minor = 0 if moved or failed or payment.abandoned_at else payment.amount_minor
    refunds = payment.refunds
    payment.refunded_minor = sum(item.amount_minor for item in refunds if item.status == RefundStatus.SETTLED)
    payment.refund_pending_minor = sum(item.amount_minor for item in refunds if item.status in REFUND_PENDING)


def _describe(payment: Payment) -> None:
    """Say how it was paid, or why not, by the attempt that got furthest."""
    if payment.attempts:
        leading = max(payment.attempts, key=_rank)
        payment.gateway_payment_id = leading.gateway_payment_id
        payment.method = leading.method or payment.method
        failed = leading.failed and not leading.authorized_minor
        payment.failure_code = leading.failure_code if failed else ""
        payment.failure_text = leading.failure_text if failed else ""
    returned = next((refund for refund in payment.refunds if refund.came_back), None)
    if returned is not None:
        payment.failure_code, payment.failure_text = CHEQUE_RETURNED, returned.reason
    if payment.captured_minor:
        payment.completed_at = payment.completed_at or clock.now()
        payment.page_url = None
        if payment.payer:
            payment.payer = {}


def _rank(attempt: PaymentAttempt) -> tuple[object, ...]:
    at = attempt.attempted_at.timestamp() if attempt.attempted_at else 0
    return (
        attempt.captured_minor > 0,
        attempt.authorized_minor > 0,
        not attempt.failed,
        at,
        attempt.gateway_payment_id,
    )


def _announce(payment: Payment) -> None:
    publish(BillingPaymentUpdated(payment_id=payment.id, status=payment.status))
    if payment.status == PaymentStatus.FAILED:
        publish(
            PaymentFailed(
                payment_id=payment.id,
                patient_id=payment.patient_id,
                invoice_id=payment.invoice_id,
                appointment_id=payment.appointment_id,
                code=payment.failure_code,
            )
        )
    news = {"paymentId": payment.id, "status": payment.status, "invoiceId": payment.invoice_id}
    rooms = clinic_room(payment.clinic_id, "payments"), clinic_room(payment.clinic_id, "patient", payment.patient_id)
    push("payment", news, *rooms)
