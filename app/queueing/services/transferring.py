"""Sending a patient on to another doctor's queue, or to another location."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.tenant import db
from app.queueing.events import TokenIssued, TokenTransferred
from app.queueing.models import MoveKind, QueueToken, TokenStatus
from app.queueing.queries.queues import today
from app.queueing.services.issuing import check_place, keep_letters_apart, next_token, queue_in
from app.queueing.services.moves import changing_queues, read_again, state_before, write_down


def transfer(token_id: str, doctor_id: str, location_id: str | None = None, note: str = "") -> QueueToken:
    """The patient's token in the queue that they wait in from now on, with the wait that they have behind them.

    A visit stays booked with its doctor; its token is the new one. Raises NotFound, Invalid, WrongState.
    """
    wanted = select(QueueToken.doctor_id, QueueToken.location_id, QueueToken.queued_on).where(QueueToken.id == token_id)
    here = db.session.execute(wanted).one_or_none()
    if here is None:
        raise NotFound
    there = (doctor_id, location_id or here.location_id)
    check_place(*there)
    if there == (here.doctor_id, here.location_id) or here.queued_on != today():
        raise Invalid(fields={"doctorId": _("Choose another doctor or location, on the day itself.")})
    keep_letters_apart(*there)
    with changing_queues(here.doctor_id, doctor_id) as action:
        token = read_again(token_id)
        before = state_before(token)
        token.become(TokenStatus.TRANSFERRED)
        token.finished_at = clock.now()
        db.session.flush()
        after = next_token(queue_in(action, *there), token.patient_id, token.priority, token.appointment_id, token)
        told = TokenTransferred.about(token, to_token_id=after.id, to_doctor_id=doctor_id)
        write_down(token, MoveKind.TRANSFERRED, told, before, note=note)
        write_down(after, MoveKind.ISSUED, TokenIssued.about(after))
    return after
