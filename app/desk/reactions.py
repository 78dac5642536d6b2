"""Open screens hear of refunds as they are asked for, decided and paid out: a payment's status does not tell that."""

from __future__ import annotations

from app.core.sockets import clinic_room, push
from app.core.tenant import require_clinic
from app.events.base import reacts_to
from app.payments.events import (
    PaymentRefunded,
    PaymentReturned,
    PaymentReturnUndone,
    RefundDecided,
    RefundEvent,
    RefundFailed,
    RefundRequested,
)
from app.payments.queries import get_payment


@reacts_to(RefundRequested)
@reacts_to(RefundDecided)
@reacts_to(PaymentRefunded)
@reacts_to(PaymentReturned)
@reacts_to(PaymentReturnUndone)
@reacts_to(RefundFailed)
def tell_screens(event: RefundEvent | RefundRequested | RefundDecided) -> None:
    """As `payment` on /live, to those who may read payments."""
    payment = get_payment(event.payment_id)
    news = {
        "paymentId": payment.id,
        "status": payment.status,
        "invoiceId": payment.invoice_id,
        "refundId": event.refund_id,
    }
    push("payment", news, clinic_room(require_clinic(), "payments"))
