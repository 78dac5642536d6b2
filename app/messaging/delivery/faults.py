"""What becomes of a message that cannot even be made ready to leave: a fault of ours, or of what is stored."""

from __future__ import annotations

from datetime import timedelta

from app.core import clock
from app.core.tenant import db
from app.events.services import publish
from app.messaging.delivery.recording import MAX_ATTEMPTS
from app.messaging.delivery.states import give_up
from app.messaging.models import Message, MessageStatus

FAULT = "A fault of ours: it could not be made ready to leave."
# Long enough that it holds up nobody, and that an operator can do something about it meanwhile.
PAUSE = timedelta(minutes=5)


def put_off(message_id: str) -> None:
    """Later once more; after three tries it waits for a person, who is told why."""
    message = db.session.get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.status != MessageStatus.QUEUED:
        return
    message.attempts += 1
    message.reason = FAULT
    if message.attempts >= MAX_ATTEMPTS:
        publish(give_up(message, MessageStatus.FAILED, FAULT))
    else:
        message.next_at = clock.now() + PAUSE
