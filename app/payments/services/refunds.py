"""Asking for a refund, and deciding about it. Callers commit; sending.py sends what was approved."""

from __future__ import annotations

from flask_babel import gettext as _

from app.core import clock
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Principal, current_principal
from app.core.tenant import db
from app.events.services import publish
from app.payments.errors import RefundTooLarge, SecondPersonNeeded
from app.payments.events import RefundDecided, RefundRequested
from app.payments.models import (
    ORIGINAL,
    OperationKind,
    Payment,
    PaymentAttempt,
    Refund,
    RefundStatus,
    TenderKind,
)
from app.payments.services.operations import begin
from app.payments.services.refund_steps import move_refund
from app.payments.services.sums import REFUND_PENDING, locked, locked_refund, settle
from app.tenancy.queries import settings_in_scope


def request_refund(
    payment: Payment, amount: Money | None, reason: str, *, destination: str = ORIGINAL, refund_id: str | None = None
) -> Refund:
    """Ask for money to go back: `amount`, or all that is left. It is kept free for this refund from now on.

    Whoever may have to ask again gives `refund_id`: the second time it finds the refund of the first. Raises Invalid,
    or RefundTooLarge above what was captured and is neither refunded nor being refunded.
    """
    payment = locked(payment.id)
    known = next((refund for refund in payment.refunds if refund.id == refund_id), None)
    if known is not None:
        return known
    amount = amount if amount is not None else payment.refundable
    _check(payment, amount, destination)
    refund = Refund(
        id=refund_id or new_id(),
        status=RefundStatus.REQUESTED,
        currency=amount.currency,
        amount_minor=amount.minor,
        reason=reason[:300],
        destination=destination,
        gateway_payment_id=None if payment.at_desk else _attempt_for(payment, amount).gateway_payment_id,
        requested_by_id=current_principal().user_id,
        external=False,
    )
    payment.refunds.append(refund)
    db.session.flush()
    settle(payment)
    publish(
        RefundRequested(refund_id=refund.id, payment_id=payment.id, amount_minor=amount.minor, currency=amount.currency)
    )
    return refund


def may_decide(refund: Refund, principal: Principal | None = None) -> bool:
    """Whether this person may approve, as far as the rule of two persons goes."""
    principal = principal or current_principal()
    return not needs_second_person(refund) or refund.requested_by_id != principal.user_id


def needs_second_person(refund: Refund) -> bool:
    """Above the clinic's limit (zero: no limit), or to another instrument than the one that paid (SPEC PAY-5)."""
    limit = settings_in_scope().refund_second_person_above
    return refund.destination != ORIGINAL or bool(limit and refund.amount.major > limit)


def approve_refund(refund: Refund, note: str = "", *, wake: bool = True) -> Refund:
    """Approve a request. Money from the desk is paid out with it; a gateway's is sent by a job (`wake`: at once).

    Raises WrongState, SecondPersonNeeded, and RefundTooLarge where the money went back by another way since: a dispute
    that was lost, the vendor's dashboard.
    """
    refund = locked_refund(refund.id)
    if not may_decide(refund):
        raise SecondPersonNeeded
    if refund.status == RefundStatus.REQUESTED and refund.payment.kept.minor < 0:
        raise RefundTooLarge(_("This money went back to the payer by another way."))
    _decide(refund, RefundStatus.APPROVED, note)
    if refund.payment.at_desk or refund.destination != ORIGINAL:
        move_refund(refund, refund.payment, RefundStatus.SETTLED)
        return refund
    begin(refund.payment, OperationKind.REFUND, refund.amount, refund=refund)
    if wake:
        from app.payments.jobs import send_refund

        send_refund.enqueue(refund.clinic_id, refund.id)
    return refund


def reject_refund(refund: Refund, note: str = "") -> Refund:
    """Decline a request; the amount is free again. Raises WrongState."""
    refund = locked_refund(refund.id)
    _decide(refund, RefundStatus.REJECTED, note)
    settle(refund.payment)
    return refund


def _decide(refund: Refund, status: RefundStatus, note: str) -> None:
    refund.become(status)
    refund.decided_by_id = current_principal().user_id
    refund.decided_at = clock.now()
    refund.decision_note = note[:300]
    db.session.flush()
    approved = status is RefundStatus.APPROVED
    publish(RefundDecided(refund_id=refund.id, payment_id=refund.payment_id, approved=approved))


def _check(payment: Payment, amount: Money, destination: str) -> None:
    if destination != ORIGINAL and destination not in set(TenderKind):
        raise Invalid(fields={"destination": _("There is no such tender.")})
    if amount.currency != payment.currency:
        raise Invalid(fields={"currency": _("The payment is in %(currency)s.", currency=payment.currency)})
    left = payment.refundable
    if amount > left or not left:
        raise RefundTooLarge(
            _("At most %(left)s can be refunded.", left=str(left)), left=left.to_json(), currency=left.currency
        )
    if amount.minor <= 0:
        raise Invalid(fields={"amount": _("The amount must be above zero.")})


def _attempt_for(payment: Payment, amount: Money) -> PaymentAttempt:
    """An attempt with enough money left: the gateway refunds each of its payments by itself."""
    for attempt in payment.attempts:
        taken = sum(
            refund.amount_minor
            for refund in payment.refunds
            if refund.gateway_payment_id == attempt.gateway_payment_id
            and (refund.status in REFUND_PENDING or refund.status == RefundStatus.SETTLED)
        )
        if attempt.captured_minor - taken >= amount.minor:
            return attempt
    raise RefundTooLarge(_("The payer paid in parts: refund each part by itself."))
