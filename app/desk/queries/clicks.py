"""The click on a queue that whoever looks has made just now, and can take back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.core import clock
from app.core.principal import current_principal
from app.core.tenant import db
from app.queueing.models import MoveKind, QueueMove, QueueToken, TokenStatus
from app.queueing.services.undoing import OVER
from app.scheduling.models import Appointment
from app.tenancy.queries import settings_in_scope

# How long a click is offered to be taken back; after that the room has moved on.
SECOND_THOUGHTS = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class LastClick:
    """The token that whoever looks has moved just now, and in whose queue."""

    token_id: str
    number: str
    kind: str
    doctor_id: str
    location_id: str


def last_click(*, doctor_id: str | None = None, location_id: str | None = None) -> LastClick | None:
    """What the person who looks did last to these queues, if it is recent, was not taken back and still can be."""
    undoing = aliased(QueueMove)
    taken_back = select(undoing.id).where(undoing.undoes_id == QueueMove.id)
    equal = {QueueToken.doctor_id: doctor_id, QueueToken.location_id: location_id}
    wanted = (
        select(QueueToken, QueueMove.kind, Appointment.status)
        .join(QueueToken, QueueToken.id == QueueMove.token_id)
        .outerjoin(Appointment, Appointment.id == QueueToken.appointment_id)
        .where(
            QueueToken.queued_on == clock.today(settings_in_scope().zone),
            QueueMove.user_id == current_principal().user_id,
            QueueMove.created_at > clock.now() - SECOND_THOUGHTS,
            QueueMove.kind.not_in((MoveKind.ISSUED, MoveKind.UNDONE)),
            ~taken_back.exists(),
        )
        .where(*(column == value for column, value in equal.items() if value))
        .order_by(QueueMove.id.desc())
        .limit(1)
    )
    row = db.session.execute(wanted).one_or_none()
    return None if row is None or _is_final(*row) else _click(row[0], row[1])


def _is_final(token: QueueToken, kind: str, visit_status: str | None) -> bool:
    """A visit that began or is over, and a patient who is elsewhere, stay so."""
    settled = kind in (MoveKind.SERVING, MoveKind.TRANSFERRED) or token.status == TokenStatus.TRANSFERRED
    return settled or visit_status in OVER


def _click(token: QueueToken, kind: str) -> LastClick:
    return LastClick(token.id, token.number, kind, token.doctor_id, token.location_id)
