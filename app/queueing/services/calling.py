"""Calling patients and everything that a desk does with a token."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select

from app.core import clock
from app.core.state import WrongState
from app.core.tenant import db
from app.people.queries import get_doctor
from app.queueing.events import (
    TokenCalled,
    TokenEvent,
    TokenHeld,
    TokenLeft,
    TokenRecalled,
    TokenReturned,
    TokenServed,
    TokenServing,
    TokenSkipped,
)
from app.queueing.models import IN_FRONT, MoveKind, QueueToken, TokenStatus
from app.queueing.queries.order import waiting_order
from app.queueing.queries.queues import find_token_of, get_token, today
from app.queueing.services.learning import learn_pace
from app.queueing.services.moves import actor_id, changing_queues, changing_token, move
from app.scheduling.models import AppointmentStatus
from app.scheduling.queries import lock_appointment
from app.scheduling.services import start


def call_next(doctor_id: str, location_id: str | None = None) -> QueueToken | None:
    """Call the next patient of the doctor; None when nobody waits. Raises NotFound.

    Whoever calls next is done with whom they called or served before: that token becomes SERVED, its visit stays as it
    is until the doctor completes it. Tokens that others called stay in front: two desks do not undo each other.
    """
    get_doctor(doctor_id)
    with changing_queues(doctor_id):
        _finish_own(doctor_id)
        token = _first_waiting(doctor_id, location_id)
        if token is not None:
            _call(token)
    return token


def _first_waiting(doctor_id: str, location_id: str | None) -> QueueToken | None:
    waiting = select(QueueToken).where(
        QueueToken.doctor_id == doctor_id,
        QueueToken.queued_on == today(),
        QueueToken.status == TokenStatus.WAITING,
    )
    if location_id:
        waiting = waiting.where(QueueToken.location_id == location_id)
    return db.session.scalar(waiting.order_by(*waiting_order()).limit(1).execution_options(populate_existing=True))


def _finish_own(doctor_id: str) -> None:
    mine = select(QueueToken).where(
        QueueToken.doctor_id == doctor_id,
        QueueToken.queued_on == today(),
        QueueToken.status.in_(IN_FRONT),
        or_(QueueToken.handled_by_id == actor_id(), QueueToken.handled_by_id.is_(None)),
    )
    for token in db.session.scalars(mine.execution_options(populate_existing=True)):
        _finish(token)


def _call(token: QueueToken, kind: MoveKind = MoveKind.CALLED, event: type[TokenEvent] = TokenCalled) -> None:
    called: dict[str, Any] = {"called_at": clock.now(), "calls": token.calls + 1, "handled_by_id": actor_id()}
    move(token, TokenStatus.CALLED, kind, event, **called)


def call_token(token_id: str) -> QueueToken:
    """Call one who waits out of turn: whoever is at the desk sees a need that no class tells. Raises NotFound,
    WrongState.
    """
    with changing_token(token_id) as token:
        if token.status != TokenStatus.WAITING:
            raise WrongState(_("Only a patient who waits is called out of turn."), status=str(token.status))
        _call(token)
    return token


def recall(token_id: str) -> QueueToken:
    """Call the same patient again, or one who was skipped or held. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        if token.status == TokenStatus.WAITING:
            raise WrongState(_("This patient has not been called yet."), status=str(token.status))
        _call(token, MoveKind.RECALLED, TokenRecalled)
    return token


def skip(token_id: str) -> QueueToken:
    """The patient did not come when called; they can be recalled or put back. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        move(token, TokenStatus.SKIPPED, MoveKind.SKIPPED, TokenSkipped)
    return token


def hold(token_id: str, note: str = "") -> QueueToken:
    """The patient waits for something else (a test, a form). Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        move(token, TokenStatus.HELD, MoveKind.HELD, TokenHeld, note=note)
    return token


def put_back(token_id: str) -> QueueToken:
    """A held, skipped or called patient waits again, in the place of their arrival. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        _put_back(token)
    return token


def _put_back(token: QueueToken) -> None:
    move(token, TokenStatus.WAITING, MoveKind.RETURNED, TokenReturned, handled_by_id=None)


def resume(token_id: str) -> QueueToken:
    """A held patient waits again, in the place of their arrival. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        if token.status != TokenStatus.HELD:
            raise WrongState(_("This patient is not on hold."), status=str(token.status))
        _put_back(token)
    return token


def serve(token_id: str) -> QueueToken:
    """The patient is with the doctor: a visit that is checked in begins with it. Raises NotFound, WrongState."""
    appointment_id = db.session.scalar(select(QueueToken.appointment_id).where(QueueToken.id == token_id))
    # The visit is locked before the queue, as check-in does it: two orders would deadlock.
    visit = lock_appointment(appointment_id) if appointment_id else None
    if visit is not None and visit.status == AppointmentStatus.CHECKED_IN:
        start(visit)  # app/queueing/reactions.py moves the token
        return get_token(token_id)
    with changing_token(token_id) as token:
        _begin(token)
    return token


def _begin(token: QueueToken) -> None:
    now = clock.now()
    begun: dict[str, Any] = {"serving_at": now, "called_at": token.called_at or now, "handled_by_id": actor_id()}
    move(token, TokenStatus.SERVING, MoveKind.SERVING, TokenServing, **begun)


def done(token_id: str) -> QueueToken:
    """The patient is through; the visit itself is completed by the doctor. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        _finish(token)
    return token


def _finish(token: QueueToken) -> None:
    move(token, TokenStatus.SERVED, MoveKind.SERVED, TokenServed, finished_at=clock.now())
    learn_pace(token)


def leave(token_id: str) -> QueueToken:
    """The patient went away. Raises NotFound, WrongState."""
    with changing_token(token_id) as token:
        _leave(token)
    return token


def _leave(token: QueueToken) -> None:
    move(token, TokenStatus.LEFT, MoveKind.LEFT, TokenLeft, finished_at=clock.now())


FOLLOWING = {TokenStatus.SERVING: _begin, TokenStatus.SERVED: _finish, TokenStatus.LEFT: _leave}


def follow_visit(appointment_id: str, status: TokenStatus) -> None:
    """Move the visit's token as the visit moves, if it has one that can go there."""
    token = find_token_of(appointment_id)
    if token is None:
        return
    with changing_token(token.id) as token:
        if token.can_become(status):
            FOLLOWING[status](token)
