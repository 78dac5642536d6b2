"""Rules that hold a payment until somebody has looked at it (SPEC PAY-7). Their thresholds are the clinic's settings.

Before a payer is sent to a gateway: an unusually large amount, many payments of one patient within an hour, many failed
attempts within a day. Once money came: another amount than was asked for. What was taken at the desk is never held.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.payments.events import PaymentHeld
from app.payments.models import DESK, HoldReason, HoldStatus, Payment, PaymentAttempt, PaymentHold
from app.tenancy.queries import settings_in_scope

VELOCITY_SPAN = timedelta(hours=1)
FAILURE_SPAN = timedelta(days=1)


def review_checkout(payment: Payment) -> PaymentHold | None:
    """The open hold of a payment that somebody is about to pay, a new one where a rule asks for it.

    A payment that was released once is not held for the same again.
    """
    known = _holds(payment)
    for hold in known:
        if hold.status == HoldStatus.OPEN:
            return hold
    if known:
        return None
    reasons = [*_large_amount(payment), *_velocity(payment), *_repeated_failure(payment)]
    return _hold(payment, reasons) if reasons else None


def review_capture(payment: Payment) -> None:
    """Hold a payment whose captured sum is not what was asked for. A manual capture may take less on purpose."""
    expected = payment.captured_minor == payment.amount_minor
    if expected or not payment.captured_minor or payment.manual_capture or payment.at_desk:
        return
    known = [hold for hold in _holds(payment) if HoldReason.MISMATCH in hold.reasons]
    if not known:
        _hold(payment, [HoldReason.MISMATCH])


def _hold(payment: Payment, reasons: list[HoldReason]) -> PaymentHold:
    hold = PaymentHold(id=new_id(), payment_id=payment.id, status=HoldStatus.OPEN, reasons=[str(r) for r in reasons])
    db.session.add(hold)
    db.session.flush()
    publish(PaymentHeld(hold_id=hold.id, payment_id=payment.id, reasons=tuple(hold.reasons)))
    return hold


def _holds(payment: Payment) -> list[PaymentHold]:
    return list(db.session.scalars(select(PaymentHold).where(PaymentHold.payment_id == payment.id)))


def _large_amount(payment: Payment) -> list[HoldReason]:
    settings = settings_in_scope()
    if not settings.hold_payments_above or payment.currency != settings.currency:
        return []
    limit = Money.parse(settings.hold_payments_above, settings.currency)
    return [HoldReason.LARGE_AMOUNT] if payment.amount > limit else []


def _velocity(payment: Payment) -> list[HoldReason]:
    most = settings_in_scope().hold_after_payments
    if not most:
        return []
    others = select(func.count()).where(
        Payment.patient_id == payment.patient_id,
        Payment.provider != DESK,
        Payment.id != payment.id,
        Payment.created_at >= clock.now() - VELOCITY_SPAN,
    )
    return [HoldReason.VELOCITY] if (db.session.scalar(others) or 0) >= most else []


def _repeated_failure(payment: Payment) -> list[HoldReason]:
    most = settings_in_scope().hold_after_failures
    if not most:
        return []
    failures = (
        select(func.count())
        .select_from(PaymentAttempt)
        .join(Payment, Payment.id == PaymentAttempt.payment_id)
        .where(Payment.patient_id == payment.patient_id, PaymentAttempt.failed.is_(True))
        .where(PaymentAttempt.captured_minor == 0, PaymentAttempt.created_at >= clock.now() - FAILURE_SPAN)
    )
    return [HoldReason.REPEATED_FAILURE] if (db.session.scalar(failures) or 0) >= most else []
