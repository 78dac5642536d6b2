"""Taking back a click: the moves stay in the history, and one more says that they were taken back."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.core.state import WrongState
from app.core.tenant import db
from app.queueing.events import TokenUndone
from app.queueing.models import MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.services.learning import learn_pace
from app.queueing.services.moves import changing_token, read_again, state_before, write_down
from app.scheduling.models import Appointment, AppointmentStatus

TIMES = ("called_at", "serving_at", "finished_at")
OVER = (AppointmentStatus.COMPLETED, AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)


def undo(token_id: str) -> QueueToken:
    """Take the token's last move back, with what the same click did to others. A second undo goes one step further.

    What the visit did cannot be taken back here: it has begun, or is over. Raises NotFound, WrongState.
    """
    with changing_token(token_id) as token:
        last = _last_move(token.id)
        if last is None or last.before is None or last.kind == MoveKind.TRANSFERRED:
            raise WrongState(_("There is nothing here that can be undone."), status=str(token.status))
        _take_back(token, last)
        for other in _others_of(token, last):
            if (known := _last_move(other.token_id)) is not None and known.id == other.id:
                _take_back(read_again(other.token_id), other)
    return token


def _take_back(token: QueueToken, last: QueueMove) -> None:
    before = dict(last.before or {})
    _check_visit(token, last)
    now = state_before(token)
    for name in TIMES:
        before[name] = datetime.fromisoformat(before[name]) if before.get(name) else None
    for name, value in before.items():
        setattr(token, name, value)
    write_down(token, MoveKind.UNDONE, TokenUndone.about(token), now, undoes_id=last.id)
    if TokenStatus.SERVED in (now["status"], token.status):
        learn_pace(token)


def _check_visit(token: QueueToken, last: QueueMove) -> None:
    if token.appointment_id is None:
        return
    status = db.session.scalar(select(Appointment.status).where(Appointment.id == token.appointment_id))
    if status in OVER:
        raise WrongState(_("The visit is over: this can no longer be undone."), status=str(token.status))
    if last.kind == MoveKind.SERVING and status == AppointmentStatus.IN_PROGRESS:
        raise WrongState(_("The visit has begun: hold the patient, or put them back."), status=str(token.status))


def _last_move(token_id: str) -> QueueMove | None:
    """The last move that was not taken back; a token's first one stands."""
    undoing = aliased(QueueMove)
    taken_back = select(undoing.id).where(undoing.undoes_id == QueueMove.id)
    wanted = select(QueueMove).where(
        QueueMove.token_id == token_id, QueueMove.kind != MoveKind.UNDONE, ~taken_back.exists()
    )
    return db.session.scalar(wanted.order_by(QueueMove.id.desc()).limit(1))


def _others_of(token: QueueToken, last: QueueMove) -> list[QueueMove]:
    """What the same click did before, latest first."""
    if last.action_id is None:
        return []
    tokens = select(QueueToken.id).where(
        QueueToken.doctor_id == token.doctor_id, QueueToken.queued_on == token.queued_on
    )
    same = select(QueueMove).where(
        QueueMove.token_id.in_(tokens),
        QueueMove.token_id != token.id,
        QueueMove.action_id == last.action_id,
        QueueMove.before.is_not(None),
    )
    return list(db.session.scalars(same.order_by(QueueMove.id.desc())))
