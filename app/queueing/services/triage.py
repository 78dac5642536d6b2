"""Who is called earlier: the class that a patient arrives with, and another one while they wait."""

from __future__ import annotations

from flask_babel import gettext as _

from app.core.state import WrongState
from app.people.models import Patient
from app.queueing.events import TokenReclassed
from app.queueing.models import MoveKind, PriorityClass, QueueToken, TokenStatus
from app.queueing.queries.queues import today
from app.queueing.services.moves import changing_token, state_before, write_down

ELDERLY_FROM_YEARS = 65
STILL_TO_COME = (TokenStatus.WAITING, TokenStatus.HELD, TokenStatus.SKIPPED)


def class_of(patient: Patient) -> PriorityClass:
    """Of somebody who comes to a visit, where nobody says otherwise: age alone is known."""
    born = patient.date_of_birth
    if born is None:
        return PriorityClass.BOOKED
    now = today()
    years = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return PriorityClass.ELDERLY if years >= ELDERLY_FROM_YEARS else PriorityClass.BOOKED


def set_class(token_id: str, priority: PriorityClass, note: str = "") -> QueueToken:
    """Somebody who waits gets worse, or better; the wait so far counts on. The same class again changes nothing.

    Raises NotFound, WrongState for who was called or is through.
    """
    with changing_token(token_id) as token:
        if token.status not in STILL_TO_COME:
            raise WrongState(_("Only who waits can change class."), status=str(token.status))
        if token.priority != priority:
            before = state_before(token)
            token.priority = priority
            told = TokenReclassed.about(token, priority_class=PriorityClass(priority).name)
            write_down(token, MoveKind.RECLASSED, told, before, note=note)
    return token
