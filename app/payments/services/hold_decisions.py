"""What becomes of a held payment, once somebody has looked at it."""

from __future__ import annotations

from flask_babel import gettext as _

from app.core import clock
from app.core.principal import current_principal
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish
from app.payments.events import PaymentHoldDecided
from app.payments.models import HoldStatus, PaymentHold
from app.payments.services.payments import abandon_payment
from app.payments.services.refunds import request_refund
from app.payments.services.sums import locked


def release_hold(hold: PaymentHold, note: str = "") -> None:
    """It may go on. Raises WrongState once it is decided."""
    _decide(hold, HoldStatus.RELEASED, note)


def decline_hold(hold: PaymentHold, note: str = "") -> None:
    """Give the payment up; money that came already is asked to be refunded. Raises WrongState once it is decided."""
    payment = locked(hold.payment_id)
    _decide(hold, HoldStatus.DECLINED, note)
    if payment.refundable:
        request_refund(payment, payment.refundable, _("Declined after review"))
    elif not payment.captured_minor:
        abandon_payment(payment.id)


def _decide(hold: PaymentHold, status: HoldStatus, note: str) -> None:
    db.session.refresh(hold, with_for_update=True)
    if not hold.can_become(status):
        raise WrongState(_("Somebody has decided already."), status=hold.status)
    hold.become(status)
    hold.note, hold.decided_at, hold.decided_by_id = note[:300], clock.now(), current_principal().user_id
    publish(PaymentHoldDecided(hold_id=hold.id, payment_id=hold.payment_id, released=status is HoldStatus.RELEASED))
