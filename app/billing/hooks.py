"""Before a visit is released because nobody paid, the gateways are asked (SPEC 0)."""

from __future__ import annotations

from sqlalchemy import select

from app.billing.services.covered import is_covered
from app.core.errors import ProviderUnavailable
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import Payment, PaymentStatus
from app.payments.services import ask_gateway
from app.scheduling.services import PaymentAnswer, ask_before_release

PAID = frozenset({PaymentStatus.COMPLETED, PaymentStatus.AUTHORIZED})
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.UNKNOWN, PaymentStatus.FAILED})


@ask_before_release
def is_visit_paid(appointment_id: str) -> PaymentAnswer:
    """What the gateways know of every payment that was begun for the visit. A FAILED one may have come good since."""
    if _covered(appointment_id):
        return PaymentAnswer.PAID
    for payment_id, status in _payments(appointment_id).items():
        if status in OPEN:
            try:
                ask_gateway(payment_id)
            except ProviderUnavailable:
                return PaymentAnswer.UNKNOWN
    known = set(_payments(appointment_id).values())
    if known & PAID:
        return PaymentAnswer.PAID
    return PaymentAnswer.UNKNOWN if PaymentStatus.UNKNOWN in known else PaymentAnswer.NOT_PAID


def _covered(appointment_id: str) -> bool:
    with unit_of_work():
        return is_covered(appointment_id)


def _payments(appointment_id: str) -> dict[str, str]:
    with unit_of_work():
        wanted = select(Payment.id, Payment.status).where(Payment.appointment_id == appointment_id)
        return {row.id: row.status for row in db.session.execute(wanted)}
