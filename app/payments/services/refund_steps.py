"""How far a refund got: forward only, each step booked and told once."""

from __future__ import annotations

from typing import Any

from app.core import clock
from app.core.tenant import db
from app.events.services import publish
from app.payments.events import PaymentRefunded, PaymentReturned, PaymentReturnUndone, RefundFailed
from app.payments.models import Payment, Refund, RefundStatus
from app.payments.services.postings import book_refund_sent, book_refund_settled, undo_refund
from app.payments.services.sums import settle

ORDER = (
    RefundStatus.REQUESTED,
    RefundStatus.APPROVED,
    RefundStatus.SENT,
    RefundStatus.SETTLED,
    RefundStatus.FAILED,
)
GATEWAY_HAS_IT = frozenset({RefundStatus.SENT, RefundStatus.SETTLED})


def move_refund(refund: Refund, payment: Payment, status: RefundStatus) -> None:
    """Move to `status`, unless the refund is there or further already; book, settle the payment and tell.

    The payment is locked. Raises WrongState for a refund that was never approved.
    """
    if refund.status in ORDER and ORDER.index(status) <= ORDER.index(RefundStatus(refund.status)):
        settle(payment)
        return
    was_settled = refund.status == RefundStatus.SETTLED
    refund.become(status)
    db.session.flush()
    _STEPS[status](refund, payment)
    settle(payment)
    if status is RefundStatus.SETTLED:
        publish((PaymentReturned if refund.came_back else PaymentRefunded)(**_about(refund, payment)))
    elif status is RefundStatus.FAILED and refund.of_cheque:
        publish(PaymentReturnUndone(**_about(refund, payment)))
    elif status is RefundStatus.FAILED:
        publish(RefundFailed(**_about(refund, payment), was_settled=was_settled))


def _sent(refund: Refund, _payment: Payment) -> None:
    refund.sent_at = clock.now()
    book_refund_sent(refund)


def _settled(refund: Refund, payment: Payment) -> None:
    refund.settled_at = clock.now()
    refund.sent_at = refund.sent_at or refund.settled_at
    book_refund_settled(refund, payment)


def _failed(refund: Refund, _payment: Payment) -> None:
    refund.failed_at = clock.now()
    undo_refund(refund, refund.error_text if refund.of_cheque else "refund failed")


_STEPS = {RefundStatus.SENT: _sent, RefundStatus.SETTLED: _settled, RefundStatus.FAILED: _failed}


def _about(refund: Refund, payment: Payment) -> dict[str, Any]:
    return {
        "refund_id": refund.id,
        "payment_id": payment.id,
        "patient_id": payment.patient_id,
        "invoice_id": payment.invoice_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
    }
