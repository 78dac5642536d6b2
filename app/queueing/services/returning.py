"""Whoever was checked in and is in no queue any more, and comes back: they went away, or came on an earlier day."""

from __future__ import annotations

from app.core import clock
from app.core.tenant import db
from app.queueing.events import TokenReturned, TokenTransferred
from app.queueing.models import MoveKind, PriorityClass, QueueToken, TokenStatus
from app.queueing.queries.queues import find_token_of, today
from app.queueing.services.issuing import issue_token
from app.queueing.services.moves import changing_token, state_before, write_down
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_day


def may_come_back(visit: Appointment) -> bool:
    """Whether the visit's patient is checked in and yet waits nowhere today."""
    if visit.status != AppointmentStatus.CHECKED_IN or local_day(visit.starts_at) < today():
        return False
    token = find_token_of(visit.id)
    return token is not None and _is_gone(token)


def come_back(visit: Appointment, priority: PriorityClass) -> QueueToken:
    """The patient waits again, from now on. The visit must be locked, and one that `may_come_back`."""
    token = find_token_of(visit.id)
    assert token is not None
    return _wait_again(token) if token.queued_on == today() else _wait_today(token, visit, priority)


def _is_gone(token: QueueToken) -> bool:
    return token.status == TokenStatus.LEFT or token.queued_on != today()


def _wait_again(token: QueueToken) -> QueueToken:
    """With the number on their paper, but behind those who have waited meanwhile."""
    with changing_token(token.id) as token:
        before = state_before(token)
        token.status = TokenStatus.WAITING
        token.arrived_at = clock.now()
        token.called_at = token.finished_at = token.next_at = token.handled_by_id = None
        write_down(token, MoveKind.RETURNED, TokenReturned.about(token), before)
    return token


def _wait_today(token: QueueToken, visit: Appointment, priority: PriorityClass) -> QueueToken:
    """A number of today's queue in the place of one that nobody calls any more."""
    with changing_token(token.id) as token:
        before = state_before(token)
        token.status = TokenStatus.TRANSFERRED
        token.finished_at = token.finished_at or clock.now()
        db.session.flush()
        after = issue_token(visit, priority)
        told = TokenTransferred.about(token, to_token_id=after.id, to_doctor_id=after.doctor_id)
        write_down(token, MoveKind.TRANSFERRED, told, before)
    return after
