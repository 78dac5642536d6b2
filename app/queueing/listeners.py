"""Who is next hears of it on the phone, once per token. Each listener tolerates a second call."""

from __future__ import annotations

from sqlalchemy import select

from app.core.tenant import db
from app.events.base import listens_to
from app.messaging.conditions import leaves_only_if
from app.messaging.models import Message
from app.queueing.events import TokenCalled, TokenEvent, TokenNext
from app.queueing.models import QueueToken, TokenStatus
from app.queueing.queries.queues import today
from app.scheduling.notices import tell_patient
from app.tenancy.queries import clinic_in_scope


@listens_to(TokenNext, queue="notification")
def tell_who_is_next(event: TokenNext) -> None:
    _tell(event, TokenStatus.WAITING)


@listens_to(TokenCalled, queue="notification")
def tell_who_is_called(event: TokenCalled) -> None:
    """Who was called out of turn, or before a worker could say that they are next; all others know already."""
    _tell(event, TokenStatus.CALLED)


def _tell(event: TokenEvent, status: TokenStatus) -> None:
    """Nothing for a token that went on, or was left over from another day."""
    token = db.session.get_one(QueueToken, event.token_id, populate_existing=True)
    if token.status != status or token.queued_on != today():
        return
    said = {
        "patient": token.patient.name,
        "token": token.number,
        "doctor": token.doctor.name,
        "clinic": clinic_in_scope().name,
        "queue_token_id": token.id,
    }
    tell_patient(token.patient, "queue_next", lambda _language: said, token.id, priority="HIGH", mail=False)


@leaves_only_if("queue_next")
def is_still_awaited(message: Message) -> bool:
    """Nobody is sent for after the visit began, or after a night of quiet hours.

    Nothing is locked: one batch asks of several queues, whose desks would wait for each other by way of it.
    """
    token_id = message.variables.get("queue_token_id")
    if token_id is None:
        return True  # a test of the wording, with sample data
    wanted = select(QueueToken.id).where(
        QueueToken.id == token_id,
        QueueToken.status.in_((TokenStatus.WAITING, TokenStatus.CALLED)),
        QueueToken.queued_on == today(),
    )
    return db.session.scalar(wanted) is not None
