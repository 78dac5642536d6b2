"""Money of the desk that its payer's bank never gave: a cheque that came back."""

from __future__ import annotations

from app.core import clock
from app.core.ids import new_id
from app.core.principal import current_principal
from app.core.tenant import db
from app.payments.models import Payment, Refund, RefundStatus
from app.payments.services.refund_steps import move_refund


def give_back_whole(payment: Payment, reason: str, destination: str) -> Refund:
    """Book that a locked payment of the desk, nothing of which was refunded, is gone. Nobody decides: it happened."""
    person = current_principal().user_id
    refund = Refund(
        id=new_id(),
        status=RefundStatus.APPROVED,
        currency=payment.currency,
        amount_minor=payment.captured_minor,
        reason=reason[:300],
        destination=destination,
        external=True,
        bank_reference=payment.reference,
        requested_by_id=person,
        decided_by_id=person,
        decided_at=clock.now(),
    )
    payment.refunds.append(refund)
    db.session.flush()
    move_refund(refund, payment, RefundStatus.SETTLED)
    return refund


def take_again(refund: Refund, payment: Payment, reason: str) -> None:
    """Undo that: the locked payment's money is with the clinic."""
    refund.error_text = reason[:300]
    move_refund(refund, payment, RefundStatus.FAILED)
